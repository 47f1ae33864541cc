import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { LinkButton } from '@/components/Button';
import { Page } from '@/components/Page';
import { QueryPanel } from '@/components/QueryPanel';
import { CycleChoice, PlanList } from '@/plans/PlanList';
import { plansQuery, type Cycle } from '@/plans/plans-query';
import { publicTexts } from '@/texts/public';
import { common } from '@/texts/common';

const texts = publicTexts.pricing;

export default function Pricing() {
  const plans = useQuery(plansQuery);
  const [cycle, setCycle] = useState<Cycle>('monthly');
  return (
    <Page title={texts.title} lead={<p>{texts.lead}</p>}>
      <div className="stack-32">
        <div className="row">
          <CycleChoice cycle={cycle} onChange={setCycle} />
          <p className="muted">{texts.yearlyHint}</p>
        </div>
        <QueryPanel query={plans} lines={8} isEmpty={(list) => list.length === 0} empty={<p>{common.errors.unavailable}</p>}>
          {(list) => (
            <PlanList
              plans={list}
              cycle={cycle}
              // One primary action on the page: the plan in the middle.
              action={(plan, index) => (
                <LinkButton kind={index === Math.floor(list.length / 2) ? 'primary' : 'secondary'} to={`/signup?plan=${plan.code}&cycle=${cycle}`}>
                  {texts.choose(plan.name)}
                </LinkButton>
              )}
            />
          )}
        </QueryPanel>
        <section className="section stack-24" aria-labelledby="questions">
          <h2 id="questions">{texts.questionsTitle}</h2>
          <dl className="questions">
            {texts.questions.map(({ question, answer }) => (
              <div key={question} className="stack-8">
                <dt>
                  <strong>{question}</strong>
                </dt>
                <dd className="secondary">{answer}</dd>
              </div>
            ))}
          </dl>
        </section>
      </div>
    </Page>
  );
}
