/** What a table holds under a name that came over the wire, and may be that of something that every object has. */
export function ofName<Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
