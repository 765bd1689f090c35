/** Text in the operator's own editor. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';

export async function editText(text: string, fileName: string, env: NodeJS.ProcessEnv): Promise<string> {
  const editor = env['VISUAL'] || env['EDITOR'] || 'vi';
  const folder = await mkdtemp(join(tmpdir(), 'quorate-edit-'));
  try {
    const file = join(folder, fileName);
    await writeFile(file, text, { mode: 0o600 });
    // Through a shell, because $EDITOR may hold arguments; the file is one quoted word that the shell does not read.
    const child = spawn('/bin/sh', ['-c', `${editor} "$0"`, file], { stdio: 'inherit' });
    const [code] = await once(child, 'exit');
    if (code !== 0)
      throw new QuorateError(
        'not-confirmed',
        `the editor (${editor}) ended with ${String(code)}; nothing was changed`,
        { remedy: 'Name another one: EDITOR=nano quorate model edit ...' },
      );
    return await readFile(file, 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
