/* For tests that the compiler makes: a call does not compile unless the types are the same. */

export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false

export function same<A, B> (..._proof: Same<A, B> extends true ? [] : ['types differ']): void {}

/** The same for the type of a value. */
export function has<B> () { return <A>(_value: A, ..._proof: Same<A, B> extends true ? [] : ['types differ']): void => {} }
