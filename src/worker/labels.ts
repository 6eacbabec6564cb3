/** The labels of a message that say how to run it: those of taskiq and of its retry middleware. */

type Labels = Readonly<Record<string, unknown>>;

interface RetryRule {
  /** Whether a run that failed is followed by another one (`retry_on_error`). */
  readonly isOn: boolean;
  /** How many runs there were before this message was sent (`_retries`). */
  readonly made: number;
  /** How many runs there may be in all: in taskiq `max_retries` counts the first one too. */
  readonly most: number;
}

const DEFAULT_MOST = 3;

export function retryRule(labels: Labels): RetryRule {
  const { retry_on_error: isOn } = labels;
  return {
    isOn: isOn === true || (typeof isOn === 'string' && isOn.toLowerCase() === 'true'),
    made: numberOf(labels._retries) ?? 0,
    most: numberOf(labels.max_retries) ?? DEFAULT_MOST,
  };
}

/** How long one run may take (`timeout`, in seconds), in milliseconds; undefined for any time. */
export function timeoutOf(labels: Labels): number | undefined {
  const seconds = numberOf(labels.timeout);
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** A number, or text for one, that is not negative; undefined for anything else. */
function numberOf(label: unknown): number | undefined {
  if (typeof label !== 'number' && (typeof label !== 'string' || label.trim() === '')) {
    return undefined;
  }
  const number = Number(label);
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}
