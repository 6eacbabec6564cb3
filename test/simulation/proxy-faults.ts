/** What can go wrong on the way to a server: each fault by its name, as it is done to a proxy. */
import type { FaultProxy, ProxiedConnection } from '../support/fault-proxy.js';

const isSubscriber = (connection: ProxiedConnection): boolean =>
  ['subscribe', 'listen "', '/v1/events'].some((text) => connection.hasSent(text));

/** What each fault does to the proxy. */
export const PROXY_FAULTS: Readonly<Record<string, (proxy: FaultProxy) => void>> = {
  'cut subscribers': (proxy) => void proxy.cut(isSubscriber),
  'cut all': (proxy) => void proxy.cut(),
  'cut commands': (proxy) => void proxy.cut((connection) => !isSubscriber(connection)),
  'cut and refuse': (proxy) => {
    proxy.welcome = 'refuse';
    proxy.cut();
  },
  'cut and swallow': (proxy) => {
    proxy.welcome = 'swallow';
    proxy.cut();
  },
  'cut in a reply': (proxy) => {
    for (const connection of proxy.connections) connection.cutReplyAfter(20);
  },
  'half open': (proxy) => {
    for (const connection of proxy.connections) connection.abandon();
  },
  freeze: (proxy) => {
    proxy.toServer = { isFrozen: true };
    proxy.toClient = { isFrozen: true };
  },
  'freeze requests': (proxy) => {
    proxy.toServer = { isFrozen: true };
  },
  'freeze replies': (proxy) => {
    proxy.toClient = { isFrozen: true };
  },
  'delay requests': (proxy) => {
    proxy.toServer = { delayMs: 60 };
  },
  'delay replies': (proxy) => {
    proxy.toClient = { delayMs: 60 };
  },
  drip: (proxy) => {
    proxy.toClient = { drip: { bytes: 7, everyMs: 2 } };
  },
};
