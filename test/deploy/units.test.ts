/** The units of systemd: what they promise is in them; and where systemd is, it reads them itself. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { nodeCommand } from '../../console/commands/node.js';
import { routerCommand } from '../../console/commands/router.js';
import { checkoutRoot } from '../support/checkout.js';
import { runProcess } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const analyze = ['/usr/bin/systemd-analyze', '/bin/systemd-analyze'].find(existsSync);
/** Of 10; what systemd calls "OK" ends at 5. */
const exposureMax = 2;

for (const [name, command] of [
  ['controller', nodeCommand],
  ['router', routerCommand],
] as const) {
  const text = readFileSync(path.join(checkoutRoot, 'deploy', 'systemd', `quorate-${name}.service`), 'utf8');
  const settingOf = (key: string): string | undefined => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];

  test(`${name}: it starts what there is, as a user of its own, stops in order, and does not repeat mistakes`, (t) => {
    const words = (settingOf('ExecStart') ?? '').split(' ');
    t.deepEqual(words.slice(0, 2), ['/usr/bin/quorate', command.path.join(' ')]);
    t.is(words[2], '--config');
    t.is(settingOf('User'), 'quorate');
    t.is(settingOf('KillSignal'), 'SIGTERM');
    t.is(settingOf('Restart'), 'on-failure');
    t.is(settingOf('RestartPreventExitStatus'), '2');
    t.regex(settingOf('StateDirectory') ?? '', /^quorate/);
    t.is(settingOf('MemoryDenyWriteExecute'), undefined, 'V8 would not start');
  });

  const verify = analyze === undefined ? test.skip : test;
  verify(`${name}: systemd finds nothing wrong, and little that it exposes`, async (t) => {
    const unit = path.join(temporaryDirectory('unit'), `quorate-${name}.service`);
    // It asks whether the program is there.
    writeFileSync(unit, text.replace('/usr/bin/quorate', process.execPath));
    const verified = await runProcess(analyze ?? '', ['verify', '--man=no', unit], { timeoutMs: 60_000 });
    t.is(verified.code, 0, verified.stderr);
    t.is(
      verified.stderr
        .split('\n')
        .filter((line) => line.includes(`quorate-${name}`))
        .join('\n'),
      '',
    );
    const security = ['security', '--offline=true', `--threshold=${exposureMax * 10}`, unit];
    const judged = await runProcess(analyze ?? '', security, { timeoutMs: 60_000 });
    t.is(judged.code, 0, judged.stdout);
  });
}
