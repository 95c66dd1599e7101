/** The members of a message. A value that cannot be valid is not built: a short one that is invalid for the same reason replaces it. */
export class MessageMembers {
  /** JSON text, so that it is stored as it was sent (log §2.3). */
  payload: string | undefined = undefined
  key: unknown = undefined
  headers: unknown = undefined
  #unknown: string | undefined

  /** Keeps only the first one, because there may be very many. @returns false if `name` was added before */
  addUnknown (name: string): boolean {
    if (this.#unknown !== undefined) return this.#unknown !== name
    this.#unknown = name
    addMember(this, name, null)
    return true
  }
}

/** Assigning to `__proto__` would set the prototype; as a member of its own, validation refuses it by name. */
export function addMember (object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true })
}
