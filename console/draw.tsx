/** Ink's side of the console: the terminal, its keys, its size. */
import { render, useApp, useInput, usePaste, useWindowSize } from 'ink';
import { useEffect, useSyncExternalStore } from 'react';
import { keysOf } from './ink-keys.js';
import { Screens } from './screens/index.js';
import type { Shell } from './shell.js';

/** The shell limits the frames. Ink's own limit would hold the frame of a key back that comes just after another frame. */
const framesPerSecondMax = 1_000;

export interface Drawing {
  readonly quit: () => void;
  /** Gives the terminal to somebody else while `work` runs, and draws everything anew after it. */
  readonly lend: (work: () => Promise<void>) => Promise<void>;
  /** Resolves when the screens are gone and the terminal is as it was. */
  readonly ended: Promise<void>;
}

export function drawScreens(shell: Shell): Drawing {
  let lend: Drawing['lend'] = (work) => work();
  const instance = render(<App shell={shell} onReady={(suspend) => (lend = suspend)} />, {
    alternateScreen: true,
    // Whoever opens the console sits at a terminal, also where a variable says CI.
    interactive: true,
    incrementalRendering: true,
    maxFps: framesPerSecondMax,
    exitOnCtrlC: true,
  });
  return {
    quit: () => instance.unmount(),
    lend: (work) => lend(work),
    ended: instance.waitUntilExit().then(() => undefined),
  };
}

interface AppProps {
  readonly shell: Shell;
  readonly onReady: (suspend: Drawing['lend']) => void;
}

function App({ shell, onReady }: AppProps) {
  const { suspendTerminal } = useApp();
  useEffect(() => onReady((work) => suspendTerminal(work)), [onReady, suspendTerminal]);
  const state = useSyncExternalStore(shell.subscribe, shell.state);
  const { columns, rows } = useWindowSize();
  useEffect(() => shell.act({ type: 'resize', columns, rows }), [shell, columns, rows]);
  useInput((input, key) => {
    for (const press of keysOf(input, key)) shell.act({ type: 'key', ...press });
  });
  usePaste((text) => shell.act({ type: 'paste', text }));
  return <Screens state={state} />;
}
