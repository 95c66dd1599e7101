/**
 * A type with a name. Literals and results of arithmetic can be assigned to it; values of another flavour can't, so
 * swapped arguments don't compile.
 */
type Flavour<T, Name extends string> = T & { readonly __is?: Name }

/** Position of a message in its topic, from 1. */
export type Offset = Flavour<number, 'Offset'>

/** A duration, or a time, in milliseconds. */
export type Ms = Flavour<number, 'Ms'>

export type Bytes = Flavour<number, 'Bytes'>
