import { useState } from 'react';
import { Problem } from '@/api/problem';
import { Button, LinkButton } from '@/components/Button';
import { Copyable } from '@/components/Copy';
import { ConfirmDialog, Dialog } from '@/components/Dialog';
import { Checkbox, PasswordField, Select, TextArea, TextField } from '@/components/Field';
import { Menu } from '@/components/Menu';
import { ErrorNotice, Notice } from '@/components/Notice';
import { Page } from '@/components/Page';
import { Progress } from '@/components/Progress';
import { Skeleton } from '@/components/QueryPanel';
import { Fig, Sheet } from '@/components/Sheet';
import { Tag } from '@/components/Tag';
import { ThemeChoice } from '@/components/ThemeChoice';
import { Moment } from '@/components/Time';
import { FreshnessMeter, FreshnessTag } from '../app/Freshness';

const COLOURS = ['canvas', 'paper', 'surface', 'surface-subtle', 'ink', 'ink-secondary', 'ink-muted', 'structure', 'control', 'blueprint', 'success', 'warning', 'error'];
const THRESHOLDS = { stale_after_s: 7 * 86_400, expired_after_s: 14 * 86_400 };
const PROBLEM = new Problem({ status: 503, code: 'GW-0011', title: 'A part of the system that this needs is unavailable', requestId: 'web-0123456789ab' });

/** Every component in every state, for those who build with them. Served in development only. */
export default function Components() {
  const [dialog, setDialog] = useState<'none' | 'plain' | 'confirm'>('none');
  return (
    <Page title="Components" lead={<p>Each is built once. Texts come from the catalogue, colours and measures from the tokens.</p>}>
      <div className="grid-2">
        <Sheet title="Colours" fig={{ number: 1, caption: 'tokens.css' }} ticks>
          <ul className="stack-8">
            {COLOURS.map((name) => (
              <li key={name} className="row">
                <span style={{ width: 32, height: 20, background: `var(--${name})`, border: '1px solid var(--control)' }} />
                <code>--{name}</code>
              </li>
            ))}
          </ul>
          <ThemeChoice />
        </Sheet>
        <Sheet title="Type" fig={{ number: 2, caption: 'Newsreader, Inter, JetBrains Mono' }}>
          <p style={{ font: '400 38px/1.2 var(--serif)' }}>Heading of a page</p>
          <h2>Heading of a panel</h2>
          <h3>Heading of a part</h3>
          <p className="lead">A lead: what the page is for, in a sentence.</p>
          <p>Text in Inter, 14/1.6.</p>
          <p className="muted">Muted text.</p>
          <code>JetBrains Mono for codes</code>
          <Fig number={3}>A caption</Fig>
        </Sheet>
        <Sheet title="Buttons">
          <div className="row">
            <Button kind="primary">Primary</Button>
            <Button>Secondary</Button>
            <Button kind="danger">Danger</Button>
            <Button kind="quiet">Quiet</Button>
          </div>
          <div className="row">
            <Button busy>Busy</Button>
            <Button blocked>Blocked</Button>
            <Button small>Small</Button>
            <LinkButton to="/_components">A link</LinkButton>
            <Menu label="Menu">
              {(close) => (
                <button type="button" className="menu-item" onClick={close}>
                  An entry
                </button>
              )}
            </Menu>
          </div>
          <div className="row">
            <Button onClick={() => setDialog('plain')}>Open a dialog</Button>
            <Button onClick={() => setDialog('confirm')}>Ask a question</Button>
          </div>
        </Sheet>
        <Sheet title="Fields">
          <TextField label="Text" help="A sentence of help." defaultValue="Acme" />
          <TextField label="With an error" error="Please fill this in." />
          <TextArea label="Long text" optional count={{ used: 12, most: 160 }} defaultValue="Twelve chars" />
          <Select label="Choice">
            <option>One</option>
            <option>Another</option>
          </Select>
          <PasswordField label="Password" defaultValue="a secret" autoComplete="off" />
          <Checkbox label="A box to tick" />
        </Sheet>
        <Sheet title="States">
          <div className="row">
            <Tag>Plain</Tag>
            <Tag tone="accent">Accent</Tag>
            <Tag tone="success">Success</Tag>
            <Tag tone="warning">Warning</Tag>
            <Tag tone="error">Error</Tag>
          </div>
          <Notice title="Something to know">
            <p>Once, in the page.</p>
          </Notice>
          <Notice kind="success">
            <p>Done.</p>
          </Notice>
          <Notice kind="warning">
            <p>Look here.</p>
          </Notice>
          <ErrorNotice error={PROBLEM} onRetry={() => undefined} />
          <Skeleton />
        </Sheet>
        <Sheet title="Measures">
          <Progress label="Steps" done={9} total={23} text="9 of 23" />
          {([['fresh', 2], ['stale', 9], ['expired', 15]] as const).map(([state, days]) => (
            <div key={state} className="stack-8">
              <FreshnessTag state={state} />
              <FreshnessMeter state={state} ageS={days * 86_400} thresholds={THRESHOLDS} />
            </div>
          ))}
          <Moment at="2026-11-28T10:46:00Z" />
          <Copyable label="Checksum" value="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" />
        </Sheet>
      </div>
      <Dialog open={dialog === 'plain'} title="A dialog" text="With a sentence." onClose={() => setDialog('none')}>
        <TextField label="A field" />
      </Dialog>
      <ConfirmDialog open={dialog === 'confirm'} title="Really?" text={<p>This cannot be taken back.</p>} confirm="Do it" danger onConfirm={() => setDialog('none')} onClose={() => setDialog('none')} />
    </Page>
  );
}
