// dist/packed/: the console and all that it needs in a few files, so that it starts at once. See console/packed.ts. Run by
// build.mjs with the checkout's own Node, because it asks the compiled program which modules have lighter ones.
import { chmodSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { fail, root } from './say.mjs';

const outputs = path.join(root, 'dist', 'packed');
const compiled = path.join(root, 'dist', 'console');
const command = path.join(outputs, 'quorate.js');

/** The program as a whole, which the packed console hands other commands to, and the controller stay as they are compiled. */
const asCompiled = [path.join(compiled, 'main.js'), `${path.join(root, 'dist', 'node')}${path.sep}`];

function leaveOut() {
  return {
    name: 'leave-out',
    setup(build) {
      build.onResolve({ filter: /^\.\.?\// }, ({ path: wanted, resolveDir }) => {
        const file = path.resolve(resolveDir, wanted);
        if (!asCompiled.some((each) => file === each || file.startsWith(each))) return undefined;
        const relative = path.relative(outputs, file).replaceAll(path.sep, '/');
        return { path: relative, external: true };
      });
    },
  };
}

function lightInk(lighterOf, packages) {
  const asked = Symbol('asked');
  return {
    name: 'light-ink',
    setup(build) {
      build.onResolve({ filter: packages }, async ({ path: wanted, importer, kind, resolveDir, pluginData }) => {
        if (pluginData === asked) return undefined;
        const { path: meant } = await build.resolve(wanted, { importer, kind, resolveDir, pluginData: asked });
        const lighter = lighterOf(wanted, importer.replaceAll(path.sep, '/'), pathToFileURL(meant).href);
        return { path: lighter === null ? meant : fileURLToPath(lighter) };
      });
    },
  };
}

/** Of yargs the console takes the parser, which stands in a package of its own, and not the texts and widths around it. */
const parserOnly = {
  name: 'parser-only',
  setup(build) {
    const resolveDir = path.join(root, 'node_modules', 'yargs');
    build.onResolve({ filter: /^yargs\/helpers$/ }, () => ({ path: 'parser', namespace: 'parser-only' }));
    build.onLoad({ filter: /^parser$/, namespace: 'parser-only' }, () => ({
      contents: "export { default as Parser } from 'yargs-parser';",
      resolveDir,
    }));
  },
};

async function pack() {
  const { lighterOf, replacements } = await import(pathToFileURL(path.join(compiled, 'light-ink.js')).href);
  rmSync(outputs, { recursive: true, force: true });
  const packages = new RegExp(`^(?:${replacements.map(({ specifier }) => specifier).join('|')})$`);
  try {
    await build({
      entryPoints: { quorate: path.join(compiled, 'packed.js') },
      outdir: outputs,
      bundle: true,
      splitting: true,
      platform: 'node',
      format: 'esm',
      target: 'node22',
      // Loaded by no command of the packed console.
      external: ['better-sqlite3', 'react-devtools-core'],
      define: { 'process.env.NODE_ENV': '"production"' },
      // Packages that are CommonJS ask for Node's own modules.
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
      },
      plugins: [leaveOut(), lightInk(lighterOf, packages), parserOnly],
      legalComments: 'eof',
      logLevel: 'silent',
    });
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  chmodSync(command, 0o755);
}

await pack();
