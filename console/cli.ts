/** The command line; the commands are not here yet, so it refuses whatever it is asked. */
export async function main(args: readonly string[]): Promise<void> {
  console.error(`quorate: unknown command ${args[0] ?? '(none)'}.`);
  process.exitCode = 2;
}
