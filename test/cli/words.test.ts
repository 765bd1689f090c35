/** Reading the words of the command line, and completing them. */
import test from 'ava';
import { completeWords } from '../../console/commands/completion.js';
import { commands, root } from '../../console/commands/index.js';
import { parseLine } from '../../console/commands/parse.js';

const read = (line: string) => parseLine(line.split(' '), root, commands);
const complete = (...words: string[]) => {
  const found = completeWords(words, root, commands);
  return found.type === 'words' ? found.words : [];
};
const asks = (...words: string[]) => {
  const found = completeWords(words, root, commands);
  return found.type === 'question' ? [found.question.asked, found.question.words.join(' ')] : [];
};

test('flags may stand before, between and after the words of a command', (t) => {
  for (const line of [
    '--json --cluster x members join ctrl4',
    'members --cluster x join --json ctrl4',
    'members join ctrl4 --json --cluster=x',
  ]) {
    const { command, flags, words } = read(line);
    t.deepEqual(
      [command.path, words, flags['json'], flags['cluster']],
      [['members', 'join'], ['ctrl4'], true, 'x'],
      line,
    );
  }
});

test('short flags, - as a file, values that look like numbers stay text', (t) => {
  t.like(read('model create -f -'), { flags: { file: '-' } });
  t.like(read('status --cluster 007'), { flags: { cluster: '007' } });
  t.like(read('model create --name a --set x=1 --set y=2'), { flags: { set: ['x=1', 'y=2'] } });
});

test('slips are named, with what was meant', (t) => {
  const slips: readonly (readonly [string, string, string])[] = [
    ['statsu', '`quorate` has no command "statsu"', 'Did you mean "status"?'],
    ['join ctrl4', '`quorate` has no command "join"', 'Did you mean `quorate members join`?'],
    [
      'remove ctrl4',
      '`quorate` has no command "remove"',
      'Did you mean `quorate members remove` or `quorate context remove`?',
    ],
    ['members jion ctrl4', '`quorate members` has no command "jion"', 'Did you mean "join"?'],
    ['status --clutser x', '`quorate status` has no option --clutser', 'Did you mean --cluster?'],
    ['status --dry-run', '`quorate status` has no option --dry-run', '`quorate status --help` lists its options.'],
    ['status --cluster', '--cluster needs a value', 'Give it as --cluster NAME.'],
    ['status --cluster a --cluster b', '--cluster is given more than once', 'Give it once.'],
  ];
  for (const [line, message, remedy] of slips) {
    const error = t.throws(() => read(line), { message }, line);
    t.like(error, { code: 'usage', remedy }, line);
  }
});

test('a secret on the command line is refused with where it belongs', (t) => {
  const error = t.throws(() => read('status --password hunter2'));
  t.false(error?.message.includes('hunter2'));
  t.like(error, {
    code: 'usage',
    remedy:
      'Use --password-file, --token-file, --nkey-seed-file or --creds-file, or QUORATE_PASSWORD or QUORATE_TOKEN.',
  });
});

test('completion of commands, options, values and files', (t) => {
  t.deepEqual(complete('mem'), ['members']);
  t.deepEqual(complete('members', ''), ['join', 'remove', 'replace', 'promote', 'demote', 'transfer']);
  t.deepEqual(complete('--json', 'model', 'd'), ['delete']);
  t.deepEqual(complete('model', 'list', ''), ['router', 'service', 'identity', 'policy']);
  t.deepEqual(complete('status', '--clu'), ['--cluster']);
  t.deepEqual(complete('members', 'join', 'ctrl4', '--role', 'l'), ['learner']);
  t.deepEqual(complete('snapshot', 'inspect', ''), [':files']);
  t.deepEqual(complete('node', '--data-dir', ''), [':directories']);
  t.deepEqual(complete('completion', 'b'), ['bash']);
  t.false(complete('node', '--').includes('--exit-with-parent'));
});

test('what only the cluster knows is asked for, with the words before it', (t) => {
  t.deepEqual(asks('members', 'join', ''), ['blank', 'members join']);
  t.deepEqual(asks('--json', 'members', 'replace', 'ctrl2', 'c'), ['blank', '--json members replace ctrl2']);
  t.deepEqual(asks('operations', 'cancel', 'op'), ['running-operation', 'operations cancel']);
  t.deepEqual(asks('restore', 'x.db', '--node', ''), ['controller', 'restore x.db']);
  t.deepEqual(asks('restore', '--node', 'ctrl2', ''), ['snapshot', 'restore --node ctrl2']);
  t.deepEqual(asks('events', '--router', 'a,b'), ['router', 'events']);
  t.deepEqual(asks('status', '--context', ''), ['context', 'status']);
  t.deepEqual(asks('model', 'get', 'router', ''), ['entity', 'model get router']);
});
