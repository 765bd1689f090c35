/**
 * Ink without what it does not need, which was half of the console's start: while Ink is loaded, a few of the modules that it
 * asks for are resolved to lighter ones. Where a package does not look as expected, nothing is changed.
 */
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

interface Replacement {
  readonly specifier: string;
  /** Packages, as folders of node_modules, whose modules are given the lighter one. */
  readonly within: readonly string[];
  /** From the URL that was meant to that of the lighter module. */
  readonly lighter: (meant: string) => string;
}

/** .ci/lib/pack.mjs does the same to the packed console. */
export const replacements: readonly Replacement[] = [
  // Ink takes one function, `throttle`, from an index that loads hundreds of modules.
  { specifier: 'es-toolkit/compat', within: ['ink'], lighter: (meant) => new URL('function/throttle.mjs', meant).href },
  {
    specifier: 'string-width',
    within: ['ink', 'slice-ansi', 'cli-truncate', 'wrap-ansi', 'widest-line'],
    lighter: () => new URL('./string-width.js', import.meta.url).href,
  },
];

/** The lighter module for what `parent` asks for, where there is one. */
export function lighterOf(specifier: string, parent: string | undefined, meant: string): string | null {
  const found = replacements.find(
    (each) => each.specifier === specifier && each.within.some((name) => parent?.includes(`/node_modules/${name}/`)),
  );
  const url = found?.lighter(meant);
  return url !== undefined && existsSync(fileURLToPath(url)) ? url : null;
}

/** Runs `load` with the lighter modules. */
export async function withLightInk<Loaded>(load: () => Promise<Loaded>): Promise<Loaded> {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context);
      const lighter = lighterOf(specifier, context.parentURL, resolved.url);
      return lighter === null ? resolved : { ...resolved, url: lighter };
    },
  });
  const giveBack = withoutFetch();
  try {
    return await load();
  } finally {
    giveBack();
    hooks.deregister();
  }
}

/** Yoga would load its code, which it carries with it, through `fetch`, and so the whole of an HTTP client first. */
function withoutFetch(): () => void {
  const fetch = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  if (fetch === undefined) return () => undefined;
  Object.defineProperty(globalThis, 'fetch', { value: undefined, configurable: true, writable: true });
  return () => Object.defineProperty(globalThis, 'fetch', fetch);
}
