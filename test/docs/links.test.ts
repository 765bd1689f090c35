import test from 'ava';
import { anchorsIn, brokenLinks, documents, linksIn, tracesOfTheWorkplace } from './links.js';

test('every link of every document leads somewhere', (t) => {
  const all = documents();
  t.true(all.length >= 5);
  t.deepEqual(all.flatMap(brokenLinks), []);
});

test('no document names a path of somebody’s machine', (t) => {
  t.deepEqual(documents().flatMap(tracesOfTheWorkplace), []);
});

test('a link that leads nowhere is found', (t) => {
  const text =
    '# A heading\n[one](#a-heading) [two](nowhere.md) [three](README.md#nothing) `[code](gone.md)` ![four](gone.svg) [five](../up.md)';
  t.deepEqual(brokenLinks({ name: 'README.md', text: text.replace('#a-heading', '#quorate') }), [
    'README.md: there is no nowhere.md',
    'README.md: there is no heading for README.md#nothing',
    'README.md: there is no gone.svg',
    'README.md: ../up.md leads out of the repository',
  ]);
  t.deepEqual(tracesOfTheWorkplace({ name: 'x.md', text: 'see /home/ann/notes and /etc/quorate' }), [
    'x.md: /home/ann/notes',
  ]);
});

test('links and anchors are read as GitHub reads them', (t) => {
  t.deepEqual(linksIn('[a](b.md "title")\n```\n[x](y)\n```\n`[x](y)` <img src="p.svg">'), ['b.md', 'p.svg']);
  t.deepEqual(
    [...anchorsIn('# One, two & `three`\n## Same\n## Same\n```\n# no\n```\n<a id="own"></a>')],
    ['own', 'one-two--three', 'same', 'same-1'],
  );
});
