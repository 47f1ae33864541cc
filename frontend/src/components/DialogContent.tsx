import * as RadixAlert from '@radix-ui/react-alert-dialog';
import * as RadixDialog from '@radix-ui/react-dialog';
import { useEffect, type ReactNode } from 'react';
import { common } from '@/texts/common';
import { Button } from './Button';

export type DialogContentProps = (ConfirmProps & { kind: 'confirm' }) | (DialogProps & { kind: 'plain' });

/** Radix' own overlay would lock the page with a style element, which the content security policy refuses. */
function useLockedPage(): void {
  useEffect(() => {
    document.documentElement.classList.add('locked');
    return () => document.documentElement.classList.remove('locked');
  }, []);
}

export interface ConfirmProps {
  title: string;
  text: ReactNode;
  confirm: string;
  danger?: boolean;
  busy?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** The dialogs themselves; `Dialog.tsx` loads them when the first one opens. */
export default function DialogContent(props: DialogContentProps) {
  return props.kind === 'confirm' ? <Confirm {...props} /> : <Plain {...props} />;
}

function Confirm({ title, text, confirm, danger = false, busy = false, onConfirm, onClose }: ConfirmProps) {
  useLockedPage();
  return (
    <RadixAlert.Root open onOpenChange={(next) => !next && onClose()}>
      <RadixAlert.Portal>
        <div className="backdrop" />
        <RadixAlert.Content className="dialog stack">
          <RadixAlert.Title asChild>
            <h2>{title}</h2>
          </RadixAlert.Title>
          <RadixAlert.Description asChild>
            <div className="secondary stack-8">{text}</div>
          </RadixAlert.Description>
          <div className="dialog-actions">
            <RadixAlert.Cancel asChild>
              <Button>{common.cancel}</Button>
            </RadixAlert.Cancel>
            <Button kind={danger ? 'danger' : 'primary'} busy={busy} onClick={onConfirm}>
              {confirm}
            </Button>
          </div>
        </RadixAlert.Content>
      </RadixAlert.Portal>
    </RadixAlert.Root>
  );
}

export interface DialogProps {
  title: string;
  text?: string;
  onClose: () => void;
  /** A choice that has to be made: neither a press outside nor Escape closes it. */
  firm?: boolean;
  children: ReactNode;
}

function Plain({ title, text, onClose, firm = false, children }: DialogProps) {
  useLockedPage();
  const keep = (event: Event) => {
    if (firm) event.preventDefault();
  };
  return (
    <RadixDialog.Root open onOpenChange={(next) => !next && onClose()}>
      <RadixDialog.Portal>
        <div className="backdrop" />
        <RadixDialog.Content
          className="dialog stack"
          onPointerDownOutside={keep}
          onEscapeKeyDown={keep}
          {...(text === undefined && { 'aria-describedby': undefined })}
        >
          <RadixDialog.Title asChild>
            <h2>{title}</h2>
          </RadixDialog.Title>
          {text !== undefined && <RadixDialog.Description className="secondary">{text}</RadixDialog.Description>}
          {children}
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}
