/** The package has no types of its own. */
declare module 'cluster-key-slot' {
  /** The slot of a key, as the Redis Cluster specification computes it. */
  function slotOf(key: string): number;
  export = slotOf;
}
