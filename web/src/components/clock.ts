import { useSyncExternalStore } from 'react';

const seconds = () => Math.ceil(Date.now() / 1000);
const stopped = () => () => undefined;
const ticking = (tick: () => void) => {
  const ticks = setInterval(tick, 1000);
  return () => clearInterval(ticks);
};

/** The time in whole seconds since 1970. It goes on while something runs whose duration is shown. */
export const useClock = (running: boolean): number => useSyncExternalStore(running ? ticking : stopped, seconds);
