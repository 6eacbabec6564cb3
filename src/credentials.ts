/** Credentials never show: in no log, no error, no answer. */

/** A backend's URL as it may be shown: all that stands before its host replaced. */
export function withoutCredentials(url: string): string {
  if (/^(lmdb|module|memory):/.test(url)) return url;
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@');
}
