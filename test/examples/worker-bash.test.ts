/** The worker and the client in bash, curl and jq. */
import { clientTests } from './client-suite.js';
import { inExamples, type Language, requirePrograms } from './language.js';
import { workerTests } from './worker-suite.js';

requirePrograms(['bash', 'curl', 'jq']);

const language: Language = {
  name: 'bash',
  worker: ['bash', inExamples('worker-bash/worker.sh')],
  client: ['bash', inExamples('worker-bash/client.sh')],
  failure: (message) => ({
    exc_type: 'CommandFailed',
    exc_message: [message, 3],
    exc_module: null,
  }),
};

workerTests(language);
clientTests(language);
