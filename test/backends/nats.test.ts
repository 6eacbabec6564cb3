/** The contract on Debian's NATS, which is the oldest that is supported: expiry is our own there. */
import { conformance } from '../conformance/suite.js';
import { natsFactory } from '../support/nats-factory.js';

conformance(natsFactory('debian'));
