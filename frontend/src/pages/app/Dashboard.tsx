import { useQuery } from '@tanstack/react-query';
import { api, unwrap } from '@/api/client';
import type { components } from '@/api/generated/auth';
import { useBcmSync } from '@/bcm/use-bcm-sync';
import { LinkButton } from '@/components/Button';
import { Copyable } from '@/components/Copy';
import { ErrorNotice, Notice } from '@/components/Notice';
import { Page } from '@/components/Page';
import { Progress } from '@/components/Progress';
import { QueryPanel, Skeleton } from '@/components/QueryPanel';
import { Sheet, WideTable } from '@/components/Sheet';
import { Tag, type Tone } from '@/components/Tag';
import { Day, Moment } from '@/components/Time';
import { useGate, useRole } from '@/gate/gate-query';
import { usePlanName } from '@/plans/plans-query';
import { useSession } from '@/session/use-session';
import { appTexts } from '@/texts/app';
import { FreshnessMeter, FreshnessTag, Since } from './Freshness';
import { RebuildButton, RebuildNews } from './ManifestActions';
import './app.css';

const texts = appTexts.dashboard;

function ManifestPanel() {
  const sync = useBcmSync();
  const { state, ageS, freshness, manifest } = sync;
  return (
    <Sheet title={texts.manifest} fig={{ number: 1, caption: appTexts.freshness.meter }} aside={<FreshnessTag state={state} />} ticks className="wide-panel">
      {freshness.data === undefined ? (
        freshness.isError ? <ErrorNotice error={freshness.error} onRetry={() => void freshness.refetch()} /> : <Skeleton />
      ) : (
        <>
          {ageS !== undefined && <FreshnessMeter state={state} ageS={ageS} thresholds={freshness.data} />}
          <p className="secondary">{appTexts.freshness.says[state]}</p>
          <Since freshness={freshness.data} />
          <RebuildNews sync={sync} />
          <QueryPanel query={manifest} lines={3}>
            {(data) =>
              data && (
                <dl className="facts">
                  <dt>{appTexts.freshness.version}</dt>
                  <dd className="code">{data.record.version}</dd>
                  <dt>{appTexts.freshness.made}</dt>
                  <dd>
                    <Moment at={data.record.generated_at} />
                  </dd>
                  <dt>{appTexts.freshness.checksum}</dt>
                  <dd>
                    <Copyable label={appTexts.freshness.checksum} value={data.record.checksum} />
                  </dd>
                  <dt>{appTexts.foundation.tokens}</dt>
                  <dd className="number">{texts.tokens(data.record.meta.token_count, data.record.meta.token_budget)}</dd>
                </dl>
              )
            }
          </QueryPanel>
          <div className="row">
            <LinkButton kind="primary" to="/foundation">
              {texts.read}
            </LinkButton>
            <RebuildButton sync={sync} />
          </div>
        </>
      )}
    </Sheet>
  );
}

const PLAN_TONES: Record<string, Tone> = { active: 'success', trialing: 'accent', past_due: 'warning', paused: 'warning', canceled: 'warning', expired: 'error' };

function PlanPanel() {
  const { subscription } = useGate();
  const name = usePlanName(subscription?.plan);
  return (
    <Sheet title={texts.plan} fig={{ number: 2, caption: texts.plan }} {...(subscription && { aside: <Tag tone={PLAN_TONES[subscription.status] ?? 'plain'}>{texts.planStates[subscription.status] ?? subscription.status}</Tag> })}>
      {subscription ? (
        <>
          <p className="plan-name">{name}</p>
          <dl className="facts">
            <dt>{texts.until}</dt>
            <dd>
              <Day at={subscription.period_end} />
            </dd>
            {subscription.grace_end && (
              <>
                <dt>{texts.grace}</dt>
                <dd>
                  <Day at={subscription.grace_end} />
                </dd>
              </>
            )}
          </dl>
          <div>
            <LinkButton to="/settings/billing">{texts.toBilling}</LinkButton>
          </div>
        </>
      ) : (
        <div className="empty">
          <p>{texts.planNone}</p>
          <LinkButton to="/onboarding/plans">{texts.toPlans}</LinkButton>
        </div>
      )}
    </Sheet>
  );
}

function AnswersPanel() {
  const { onboarding } = useGate();
  const words = texts.steps(onboarding.steps_done, onboarding.steps_total);
  return (
    <Sheet title={texts.onboarding} fig={{ number: 3, caption: texts.onboarding }}>
      <Progress label={words} done={onboarding.steps_done} total={onboarding.steps_total} text={words} />
      <p>{words}</p>
      <div>
        <LinkButton to="/onboarding">{texts.edit}</LinkButton>
      </div>
    </Sheet>
  );
}

type Entry = components['schemas']['EntryBody'];

function Activity() {
  const { isOwner } = useRole();
  const { workspace, subscription } = useGate();
  const user = useSession((state) => state.user?.id);
  const included = subscription?.entitled === true && (subscription.entitlements as { audit_export?: boolean }).audit_export === true;
  const log = useQuery({
    queryKey: ['audit', workspace?.id],
    queryFn: () => unwrap(api.auth.GET('/api/auth/workspace/audit', { params: { query: { limit: 20 } } })),
    enabled: isOwner && included,
  });
  const who = ({ actor_id }: Entry) => (actor_id ? (actor_id === user ? texts.you : texts.somebody) : texts.system);
  return (
    <Sheet title={texts.activity} fig={{ number: 4, caption: texts.activity }} className="full">
      {!isOwner ? (
        <p className="secondary">{texts.activityOwners}</p>
      ) : !included ? (
        <div className="empty">
          <p>{texts.activityPlan}</p>
          <LinkButton to="/settings/billing">{texts.toBilling}</LinkButton>
        </div>
      ) : (
        <QueryPanel query={log} byCode={texts.activityErrors} isEmpty={({ items }) => items.length === 0} empty={<p className="secondary">{texts.activityEmpty}</p>}>
          {({ items }) => (
            <WideTable label={texts.activity}>
                <thead>
                  <tr>
                    <th scope="col">{texts.when}</th>
                    <th scope="col">{texts.who}</th>
                    <th scope="col">{texts.what}</th>
                    <th scope="col">{texts.outcome}</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((entry) => (
                    <tr key={entry.id}>
                      <td>
                        <Moment at={entry.occurred_at} />
                      </td>
                      <td>{who(entry)}</td>
                      <td>{texts.actions[entry.action] ?? <span className="code">{entry.action}</span>}</td>
                      <td>{texts.outcomes[entry.outcome] ?? entry.outcome}</td>
                    </tr>
                  ))}
                </tbody>
              </WideTable>
          )}
        </QueryPanel>
      )}
    </Sheet>
  );
}

export default function Dashboard() {
  const { profile } = useGate();
  const { banner, staleReason } = useBcmSync();
  return (
    <Page title={texts.title} {...(profile?.name && { lead: <p>{texts.hello(profile.name)}</p> })}>
      <div className="stack-24">
        {banner !== undefined && (
          <Notice kind="warning">
            <p>{banner}</p>
          </Notice>
        )}
        {staleReason !== undefined && (
          <Notice>
            <p>{appTexts.freshness.staleReasons[staleReason]}</p>
            <div>
              <LinkButton small to="/onboarding/steps/review">
                {appTexts.freshness.toReview}
              </LinkButton>
            </div>
          </Notice>
        )}
        <div className="dashboard">
          <ManifestPanel />
          <div className="side-panel stack-24">
            <PlanPanel />
            <AnswersPanel />
          </div>
          <Activity />
        </div>
      </div>
    </Page>
  );
}
