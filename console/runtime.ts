/** Which Node runs the program. Imported before anything else is: it must itself run on an old one. */
export function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major >= 24 || (major === 22 && minor >= 20);
}
