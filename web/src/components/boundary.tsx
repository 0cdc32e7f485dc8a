import { Component, type ReactNode } from 'react';
import { here } from '../api/aws';
import { ErrorBox } from './error-box';

interface State {
  address?: string;
  error?: unknown;
}

/** What goes wrong while a page is loaded or drawn is told in its place, and the rest of the console stays. Mostly a part of
 * the console could not be had: the server is away, or a newer one by now. Then everything is loaded anew, once it answers. Another
 * page, told by its address, has a chance of its own. */
export class Boundary extends Component<{ address: string; children: ReactNode }, State> {
  override state: State = {};

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  static getDerivedStateFromProps({ address }: { address: string }, state: State) {
    return address === state.address ? null : { address, error: undefined };
  }

  anew = () => void fetch(`${here}session`).then(() => location.reload(), () => undefined);

  override render() {
    return this.state.error === undefined ? this.props.children : <ErrorBox error={this.state.error} retry={this.anew} />;
  }
}
