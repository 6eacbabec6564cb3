/** A certificate for 127.0.0.1 that nobody trusts unless told to. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

export interface Certificate {
  readonly directory: string;
  /** `cert.pem` in the directory. */
  readonly cert: string;
  readonly key: string;
}

/** It goes with the test. */
export function makeCertificate(t: Test): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'resultd-tls-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  return { directory, cert, key };
}
