/** The worker and the client in plain Python. */
import { clientTests } from './client-suite.js';
import { inExamples, type Language, requirePrograms } from './language.js';
import { workerTests } from './worker-suite.js';

requirePrograms(['python3']);

const language: Language = {
  name: 'python',
  worker: ['python3', inExamples('worker-python/worker.py')],
  client: ['python3', inExamples('worker-python/client.py')],
  failure: (message) => ({
    exc_type: 'ValueError',
    exc_message: [message],
    exc_module: 'builtins',
    exc_cause: null,
    traceback: /^Traceback [\s\S]*worker\.py[\s\S]*\nValueError: /,
  }),
};

workerTests(language);
clientTests(language);
