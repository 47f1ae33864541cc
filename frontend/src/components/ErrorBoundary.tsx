import { Component, type ReactNode } from 'react';
import { common } from '@/texts/common';
import { logError } from '@/log/log';
import { ErrorPage } from './ErrorPage';

interface Props {
  children: ReactNode;
  /** A change of it is a new chance: the path of the page. */
  resetKey: string;
  /** Part of a page whose frame is there already. */
  inside?: boolean;
}

interface State {
  error: unknown;
  key: string;
}

/** A page of code that is gone after a deployment, in the words of Chromium, Firefox and Safari. */
function isOldVersion(error: unknown): boolean {
  return error instanceof Error && /dynamically imported module|Importing a module script failed|preload CSS/i.test(error.message);
}

/** Keeps the rest of the app alive when a page breaks. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { error: undefined, key: this.props.resetKey };

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error };
  }

  static getDerivedStateFromProps(props: Props, state: State): Partial<State> | null {
    return props.resetKey === state.key ? null : { error: undefined, key: props.resetKey };
  }

  override componentDidCatch(error: unknown): void {
    logError(isOldVersion(error) ? 'old-version' : 'render', error);
  }

  override render(): ReactNode {
    const { error } = this.state;
    const { inside = false } = this.props;
    if (error === undefined) return this.props.children;
    if (isOldVersion(error)) {
      const { newVersionTitle, newVersionText, reload } = common.errors;
      return <ErrorPage inside={inside} title={newVersionTitle} text={newVersionText} retryLabel={reload} onRetry={() => location.reload()} />;
    }
    return (
      <ErrorPage
        inside={inside}
        title={common.errors.pageTitle}
        text={common.errors.pageText}
        error={error}
        onRetry={() => this.setState({ error: undefined })}
      />
    );
  }
}
