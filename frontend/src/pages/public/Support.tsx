import { useState } from 'react';
import { Link } from 'react-router';
import { Page } from '@/components/Page';
import { Sheet } from '@/components/Sheet';
import { dateAndTime } from '@/format/time';
import { useSession } from '@/session/use-session';
import { common } from '@/texts/common';
import { publicTexts } from '@/texts/public';

const texts = publicTexts.support;

export default function Support() {
  const { user, workspace } = useSession((state) => state);
  const [opened] = useState(() => new Date());
  return (
    <Page title={texts.title} lead={<p>{texts.lead}</p>} className="middle">
      <div className="stack-24">
        <div className="prose stack">
          <ul className="stack-8">
            {texts.items.map((item) => (
              <li key={item}>{item}</li>
            ))}
          </ul>
          <p>
            {texts.first} <Link to="/status">{common.status}</Link>
          </p>
        </div>
        <Sheet title={texts.details}>
          <dl className="facts">
            {user && (
              <>
                <dt>{texts.account}</dt>
                <dd className="code breakable">{user.id}</dd>
              </>
            )}
            {workspace !== undefined && (
              <>
                <dt>{texts.workspace}</dt>
                <dd className="code breakable">{workspace}</dd>
              </>
            )}
            <dt>{texts.browser}</dt>
            <dd className="code breakable">{navigator.userAgent}</dd>
            <dt>{texts.time}</dt>
            <dd className="code">{dateAndTime(opened)}</dd>
          </dl>
        </Sheet>
      </div>
    </Page>
  );
}
