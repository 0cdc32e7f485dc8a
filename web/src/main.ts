import { ask } from './api/early';
import { wishOf, wishURL } from './api/wish';

ask('/conveyor/console/session');
if (location.pathname === '/conveyor/') {
  ask(wishURL(wishOf(new URLSearchParams(location.search))));
  void import('./pages/pipelines');
}
void import('./boot');
