/** The worker and the client in Go, compiled from the standard library alone. */
import { join } from 'node:path';
import t from 'tap';
import { clientTests } from './client-suite.js';
import { buildGo } from './go.js';
import { inExamples, type Language, requirePrograms } from './language.js';
import { workerTests } from './worker-suite.js';

requirePrograms(['go']);
const go = await buildGo(t, inExamples('worker-go'));

const language: Language = {
  name: 'go',
  worker: [join(go, 'worker')],
  client: [join(go, 'client')],
  failure: (message) => ({
    exc_type: 'ValueError',
    exc_message: [message],
    exc_module: 'main',
    exc_cause: null,
  }),
};

workerTests(language);
clientTests(language);
