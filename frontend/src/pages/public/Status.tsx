import { useEffect, useState } from 'react';
import { Button } from '@/components/Button';
import { Page } from '@/components/Page';
import { Tag } from '@/components/Tag';
import { publicTexts } from '@/texts/public';

const texts = publicTexts.status;

/** One public address of each service. */
const PROBES = {
  identity: '/auth/v1/health',
  payments: '/api/payments/v2/plans',
  onboarding: '/api/onboarding/steps',
  context: '/api/context/openapi.json',
} as const;
type Service = keyof typeof PROBES;
const SERVICES = Object.keys(PROBES) as Service[];

interface Seen {
  up: boolean;
  status?: number;
  ms?: number;
}

async function probe(path: string): Promise<Seen> {
  const began = performance.now();
  try {
    const { status } = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(5000) });
    // A refusal is an answer: the service lives. Only the gateway and a failing service say 5xx, and 404 means no such route.
    return { up: status < 500 && status !== 404, status, ms: Math.round(performance.now() - began) };
  } catch {
    return { up: false };
  }
}

export default function Status() {
  const [seen, setSeen] = useState<Partial<Record<Service, Seen>>>({});
  const [asking, setAsking] = useState(true);
  const [round, setRound] = useState(0);
  useEffect(() => {
    let left = false;
    void Promise.all(SERVICES.map(async (name) => [name, await probe(PROBES[name])] as const)).then((found) => {
      if (left) return;
      setSeen(Object.fromEntries(found));
      setAsking(false);
    });
    return () => {
      left = true;
    };
  }, [round]);
  const askAgain = () => {
    setAsking(true);
    setRound(round + 1);
  };
  const up = SERVICES.filter((name) => seen[name]?.up).length;
  const known = Object.keys(seen).length > 0;
  return (
    <Page title={texts.title} lead={<p>{texts.lead}</p>} className="middle">
      <div className="sheet ticks stack">
        <p role="status" className="lead">
          {!known ? texts.asking : up === SERVICES.length ? texts.all : texts.some(up, SERVICES.length)}
        </p>
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.service}</th>
              <th scope="col">{texts.state}</th>
              <th scope="col" className="amount">
                {texts.time}
              </th>
            </tr>
          </thead>
          <tbody>
            {SERVICES.map((name) => {
              const answer = seen[name];
              return (
                <tr key={name}>
                  <th scope="row">{texts.names[name]}</th>
                  <td>
                    {answer === undefined ? (
                      '…'
                    ) : (
                      <Tag tone={answer.up ? 'success' : 'error'}>
                        {answer.up ? texts.up : answer.status === undefined ? texts.down : texts.downBecause(answer.status)}
                      </Tag>
                    )}
                  </td>
                  <td className="amount">{answer?.ms === undefined ? '–' : texts.milliseconds(answer.ms)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
        <div>
          <Button busy={asking} onClick={askAgain}>
            {texts.again}
          </Button>
        </div>
      </div>
    </Page>
  );
}
