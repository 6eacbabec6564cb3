/** The HTTP API over the memory backend. */
import { apiSuite } from './api-suite.js';

apiSuite('memory', async () => ({ url: 'memory:', close: async () => {} }), true);
