/** Each dependency has its reason in docs/dependencies.md, and none runs a script at installation that is not named. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { checkoutRoot } from '../support/checkout.js';
import { runProcess } from '../support/process.js';

const read = (file: string): string => readFileSync(path.join(checkoutRoot, file), 'utf8');
const names = z.record(z.string(), z.string());
const { dependencies, devDependencies, allowScripts } = z
  .object({ dependencies: names, devDependencies: names, allowScripts: z.record(z.string(), z.boolean()) })
  .parse(JSON.parse(read('package.json')));

function namedIn(section: string): readonly string[] {
  const text =
    read('docs/dependencies.md')
      .split(/^## /m)
      .find((each) => each.startsWith(section)) ?? '';
  return [...text.matchAll(/^\| `([^`]+)` \|.*\S.*\|$/gm)].map((match) => match[1] ?? '');
}

const sorted = (all: readonly string[]): readonly string[] => [...all].sort((a, b) => (a < b ? -1 : 1));

test('each dependency stands in docs/dependencies.md with what it is for, and nothing else does', (t) => {
  t.deepEqual(sorted(namedIn('What runs')), sorted(Object.keys(dependencies)));
  t.deepEqual(sorted(namedIn('What a checkout needs')), sorted(Object.keys(devDependencies)));
});

test('versions are exact', (t) => {
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
    t.regex(version, /^\d+\.\d+\.\d+$/, name);
});

test('no package runs a script at installation but those that package.json names, and none of those that are published with us', (t) => {
  const { packages } = z
    .object({
      packages: z.record(
        z.string(),
        z.object({ hasInstallScript: z.boolean().optional(), dev: z.boolean().optional() }),
      ),
    })
    .parse(JSON.parse(read('package-lock.json')));
  const wanting = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
  for (const [place, { dev }] of wanting) {
    const name = place.replace(/^.*node_modules\//, '');
    t.true(name in allowScripts, `${name} is named in allowScripts`);
    t.true(allowScripts[name] === false || dev === true, `${name} would run at an installation of ours`);
  }
  t.deepEqual(
    Object.keys(allowScripts).filter((name) => allowScripts[name] === true),
    ['node'],
  );
});

test('the package holds what runs, what is read, and what it is made of, and nothing else', async (t) => {
  t.timeout(120_000);
  const sbom = await runProcess(process.execPath, ['.ci/sbom.mjs'], { cwd: checkoutRoot, timeoutMs: 60_000 });
  t.is(sbom.code, 0, sbom.stderr);
  const { components, metadata } = z
    .object({
      components: z.array(z.object({ name: z.string(), version: z.string() })),
      metadata: z.object({ component: z.object({ name: z.string() }) }),
    })
    .parse(JSON.parse(read('sbom.cdx.json')));
  t.is(metadata.component.name, 'quorate');
  for (const [name, version] of Object.entries(dependencies))
    t.true(
      components.some((each) => each.name === name && each.version === version),
      `${name} is in the SBOM`,
    );
  t.false(
    components.some(({ name }) => name === 'ava'),
    'what only tests need is not',
  );
  const packed = await runProcess('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
    cwd: checkoutRoot,
    timeoutMs: 60_000,
  });
  const [made] = z
    .array(z.object({ files: z.array(z.object({ path: z.string() })) }))
    .parse(JSON.parse(packed.stdout.slice(packed.stdout.indexOf('['))));
  const files = (made?.files ?? []).map((each) => each.path);
  t.true(files.includes('sbom.cdx.json'));
  t.true(files.includes('dist/console/main.js'));
  const allowed =
    /^(dist\/(console|node|packed)\/.*\.js|dist\/messaging\/.*\.(js|d\.ts)|docs\/[a-z-]+\.md|deploy\/.*|package\.json|sbom\.cdx\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
  t.deepEqual(
    files.filter((file) => !allowed.test(file) || /test|\.map$/.test(file)),
    [],
  );
});
