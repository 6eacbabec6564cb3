/**
 * An operator, an account with JetStream and a user of it, as a server's configuration and a user's
 * credentials file: what the `nsc` tool makes.
 */
import { createHash } from 'node:crypto';
import { nkeys } from '@nats-io/transport-node';

type KeyPair = ReturnType<typeof nkeys.createUser>;

const UNLIMITED = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
  mem_storage: -1,
  disk_storage: -1,
  streams: -1,
  consumer: -1,
};

export interface Operator {
  /** Lines of the server's configuration. */
  readonly config: readonly string[];
  /** The user's credentials file. */
  readonly credentials: string;
  readonly userSeed: string;
}

export function makeOperator(): Operator {
  const [operator, user] = [nkeys.createOperator(), nkeys.createUser()];
  const [account, system] = [nkeys.createAccount(), nkeys.createAccount()];
  const limits = { limits: UNLIMITED };
  const accountJwt = sign(operator, account, { type: 'account', version: 2, ...limits });
  const systemJwt = sign(operator, system, { type: 'account', version: 2 });
  const userJwt = sign(account, user, {
    type: 'user',
    version: 2,
    subs: -1,
    data: -1,
    payload: -1,
  });
  const userSeed = Buffer.from(user.getSeed()).toString();
  return {
    config: [
      `operator: ${sign(operator, operator, { type: 'operator', version: 2 })}`,
      'resolver: MEMORY',
      `system_account: ${system.getPublicKey()}`,
      `resolver_preload: { ${account.getPublicKey()}: ${accountJwt}, ${system.getPublicKey()}: ${systemJwt} }`,
    ],
    credentials: [
      '-----BEGIN NATS USER JWT-----',
      userJwt,
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      userSeed,
      '------END USER NKEY SEED------',
      '',
    ].join('\n'),
    userSeed,
  };
}

function sign(issuer: KeyPair, subject: KeyPair, nats: object): string {
  const claims = {
    jti: createHash('sha256').update(subject.getPublicKey()).digest('hex'),
    iat: Math.floor(Date.now() / 1_000),
    iss: issuer.getPublicKey(),
    name: 'test',
    sub: subject.getPublicKey(),
    nats,
  };
  const body = [{ typ: 'JWT', alg: 'ed25519-nkey' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${body}.${Buffer.from(issuer.sign(Buffer.from(body))).toString('base64url')}`;
}
