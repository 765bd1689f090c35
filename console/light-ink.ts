/**
 * Ink takes one function, `throttle`, from a package whose index loads hundreds of modules: a third of the console's start.
 * While Ink is loaded, that index is resolved to the one module with the function. Where the package does not look as
 * expected, nothing is changed.
 */
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const heavy = 'es-toolkit/compat';

/** Runs `load` with the index replaced. */
export async function withLightInk<Loaded>(load: () => Promise<Loaded>): Promise<Loaded> {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context);
      if (specifier !== heavy || context.parentURL?.includes('/ink/') !== true) return resolved;
      const light = new URL('function/throttle.mjs', resolved.url);
      return existsSync(fileURLToPath(light)) ? { ...resolved, url: light.href } : resolved;
    },
  });
  try {
    return await load();
  } finally {
    hooks.deregister();
  }
}
