/** Makes docs/logs.md from the table of log codes. */
import { routerLogCodes } from '../../messaging/router/log-codes.js';
import { logCode, logCodes } from '../../node/server/log-codes.js';

const codes = Object.keys(logCodes).filter((code): code is keyof typeof logCodes => Object.hasOwn(logCodes, code));

function row(code: keyof typeof logCodes): string {
  const { level, meaning, remedy, repeats = false } = logCode(code);
  return `| <a id="${code}"></a>\`${code}\` | ${level} | ${meaning}${repeats ? ' *' : ''} | ${remedy} |`;
}

export function logsDocument(): string {
  return `# Logs
<!-- Made from node/server/log-codes.ts and messaging/router/log-codes.ts by \`npm run docs\`. -->

A controller writes its log to stderr, one JSON object a line; on a terminal short coloured lines (\`--log-format\`).

\`\`\`json
{"time":"2026-11-21T13:08:56.864Z","level":"warn","message":"lost the connection to NATS","cluster":"demo","node":"ctrl1","term":7,"code":"nats-lost","server":"10.0.0.1:4222"}
\`\`\`

| field | what it is |
| --- | --- |
| \`time\` | when, in UTC |
| \`level\` | \`debug\`, \`info\`, \`warn\` or \`error\` |
| \`message\` | what happened; the same words each time, so that it can be looked for |
| \`cluster\`, \`node\` | who writes |
| \`term\` | the term that it knows of at that moment; absent while it belongs to no cluster |
| \`code\` | of every warning and error: one of those below |
| \`requestId\`, \`verb\`, \`from\` | of what concerns a request: the id that the client gave it, and that the model remembers; what was asked; who asked |
| \`operationId\` | of what concerns an operation: the id that \`quorate operations show\` takes. Each step that begins or ends is a line |
| \`leftOut\` | lines of the same message that were left out since the last one: those marked * below are written at most once a second |

Other fields belong to the message. Seeds, passwords, tokens and credentials in addresses are never written: what looks like one is replaced by \`[hidden]\`.

## Levels
\`quorate node --log-level LEVEL\` sets where it begins. While it runs:

\`\`\`sh
quorate log-level ctrl2 debug --for 10m   # then back by itself
quorate log-level ctrl2                   # which is it?
kill -USR2 PID                            # between debug and the level of the start; needs no NATS
\`\`\`

\`debug\` adds a line for each request that is answered or refused.

## Warnings and errors
| code | level | what it means | what to do |
| --- | --- | --- | --- |
${codes.map(row).join('\n')}

## Routers
\`quorate router\` writes the same form, with \`router\` in the place of \`node\`. A program of yours gives the client a function that is told each line (\`log\`, in
[routers.md](routers.md)). Most of these are alarms, of which the controllers hear too, and publish an event.

| code | what it means | what to do |
| --- | --- | --- |
${Object.entries(routerLogCodes)
  .map(([code, { meaning, remedy }]) => `| \`${code}\` | ${meaning} | ${remedy} |`)
  .join('\n')}
`;
}
