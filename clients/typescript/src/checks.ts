/** @throws RangeError that names the option */
export function wholeNumber (name: string, value: number, min: number, max?: number): number {
  if (Number.isInteger(value) && value >= min && value <= (max ?? value)) return value
  throw new RangeError(`${name}: expected a whole number from ${min}${max === undefined ? '' : ` to ${max}`}, got ${value}`)
}
