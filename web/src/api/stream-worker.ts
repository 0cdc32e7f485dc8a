// The one stream of all tabs. It is held while a tab wants it.
import { follow, type News } from './stream';

const tabs = new Set<MessagePort>();
let stop: (() => void) | undefined;

function tell(news: News) {
  for (const tab of tabs) tab.postMessage(news);
}

function enter(tab: MessagePort) {
  tabs.add(tab);
  if (stop) tab.postMessage({ kind: 'look' } satisfies News); // it has missed what the others heard
  stop ??= follow('/conveyor/console/events', tell);
}

function leave(tab: MessagePort) {
  tabs.delete(tab);
  if (tabs.size) return;
  stop?.();
  stop = undefined;
}

addEventListener('connect', (e) => {
  const tab = (e as MessageEvent).ports[0];
  if (tab) tab.onmessage = (m) => (m.data === 'enter' ? enter(tab) : leave(tab));
});
