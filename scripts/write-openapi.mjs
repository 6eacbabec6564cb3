// Writes openapi.yaml from the schemas of the routes. A test fails where the two differ.
import { writeFileSync } from 'node:fs';
import { buildApp } from '../dist/src/app.js';
import { Broker } from '../dist/src/broker.js';

const app = await buildApp(await Broker.fromUrl('memory:'), { logLevel: 'silent' });
writeFileSync(new URL('../openapi.yaml', import.meta.url), app.http.swagger({ yaml: true }));
await app.shutdown();
