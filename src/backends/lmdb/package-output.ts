/**
 * The package prints the error of every failed commit before it rejects with it. That error reaches the
 * caller, and the operator through the service's log: here its second appearance is left out, and
 * nothing else.
 */

/** A line of the package's own stack, as it is when it prints. */
const PRINTED_BY_IT = /[\\/]lmdb[\\/](?:dist[\\/])?(?:write|index)\.c?js/;

let users = 0;
let original: typeof console.error;

/** From now on its errors are not printed. Returns how to end that. */
export function silencePackage(): () => void {
  users += 1;
  if (users === 1) {
    original = console.error;
    console.error = quiet;
  }
  return () => {
    users -= 1;
    // Whoever has taken its place since keeps it, and goes on to call `quiet`.
    if (users === 0 && console.error === quiet) console.error = original;
  };
}

function quiet(...printed: unknown[]): void {
  const [error] = printed;
  const isItsOwn =
    users > 0 && error instanceof Error && 'code' in error && PRINTED_BY_IT.test(error.stack ?? '');
  if (!isItsOwn) original.apply(console, printed);
}
