/** What the contract has and HTTP has not: for every run of the conformance suite over HTTP. */
import type { Deviation } from '../conformance/factory.js';

export const HTTP_DEVIATIONS: readonly Deviation[] = [
  {
    test: 'exceptions: a status tells of an exception beside a success',
    reason:
      'a status view does not say whether a success has an error beside it: GET …/exception or the ' +
      'outcome itself does',
  },
  {
    test: 'progress: a task may be registered in any state',
    reason: 'POST …/status registers with PENDING alone; any other state is refused as unsupported',
  },
];
