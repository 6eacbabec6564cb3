/** Credentials never show: in no log, no error, no answer. */

/** A backend's URL as it may be shown: what stands before its hosts, and every password, replaced. */
export function withoutCredentials(url: string): string {
  if (/^(lmdb|module|memory):/.test(url)) return url;
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@')
    .replace(/([?&][^=&]*password=)[^&]*/gi, '$1***');
}
