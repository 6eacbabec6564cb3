/** The contract on a newer NATS, which removes what has expired by itself. */
import { conformance } from '../conformance/suite.js';
import { natsFactory } from '../support/nats-factory.js';
import { natsVersions } from '../support/nats-server.js';

for (const version of natsVersions()) if (version !== 'debian') conformance(natsFactory(version));
