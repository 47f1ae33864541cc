import { money } from '@/format/money';
import { createContext, useContext } from 'react';
import { Link } from 'react-router';
import { Fig } from '@/components/Sheet';
import type { ManifestContent, Origins } from '@/bcm/queries';
import { useDefinition } from '@/onboarding/definition';
import { appTexts } from '@/texts/app';

const texts = appTexts.foundation;

type SectionName = keyof typeof texts.sections;
const SECTIONS = Object.keys(texts.sections) as SectionName[];

/** Members that name the thing they belong to, in the order in which they are looked for. */
const TITLES = ['name', 'title', 'value', 'text', 'axis', 'label', 'statement'];
/** Lists of words, shown as chips; other lists of texts are sentences. */
const WORDS = new Set(['geographies', 'verticals', 'channels', 'tone', 'personality', 'banned_phrases']);

export function labelOf(name: string): string {
  const words = name.replaceAll('_', ' ');
  return texts.labels[name] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Codes of choices, such as `series_a`, as words. */
function words(text: string): string {
  return /^[a-z]+(_[a-z]+)*$/.test(text) ? labelOf(text) : text;
}

function Scalar({ name, value, around }: { name: string; value: unknown; around: Record<string, unknown> }) {
  if (name === 'confidence' && typeof value === 'number') return texts.confidence(Math.round(value / 10));
  if (['tam', 'sam', 'som', 'amount_minor'].includes(name) && typeof value === 'number') {
    return money(value, typeof around.currency === 'string' ? around.currency : undefined);
  }
  if (name === 'website' && typeof value === 'string') {
    return (
      <a href={value} rel="noreferrer noopener" target="_blank" className="breakable">
        {value}
      </a>
    );
  }
  if (typeof value === 'number') return name.endsWith('year') ? String(value) : value.toLocaleString('en');
  return typeof value === 'string' ? words(value) : String(value);
}

/** Where leaves come from, while that is shown. */
const OriginsShown = createContext<Origins | undefined>(undefined);

/** Each member of a JSON pointer with its two escapes (RFC 6901). */
function below(pointer: string, member: string | number): string {
  return `${pointer}/${String(member).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** The step that a leaf, or the first leaf of a list, was answered in. */
function OriginNote({ pointer }: { pointer: string }) {
  const origins = useContext(OriginsShown);
  const definition = useDefinition();
  const step = origins?.[pointer]?.step ?? origins?.[below(pointer, 0)]?.step;
  if (step === undefined) return null;
  const title = definition.data?.steps.find(({ slug }) => slug === step)?.title ?? step;
  return (
    <Link to={`/onboarding/steps/${step}`} className="origin">
      {texts.origin(title)}
    </Link>
  );
}

function Texts({ name, items }: { name: string; items: string[] }) {
  return (
    <ul className={WORDS.has(name) ? 'chips' : 'lines'}>
      {items.map((item) => (
        <li key={item}>{words(item)}</li>
      ))}
    </ul>
  );
}

function Things({ items, pointer }: { items: Record<string, unknown>[]; pointer: string }) {
  return (
    <ul className="manifest-cards">
      {items.map((item, index) => {
        const title = TITLES.find((name) => typeof item[name] === 'string');
        const { [title ?? '']: heading, ...rest } = item;
        return (
          <li key={index}>
            {typeof heading === 'string' && (
              <h4>
                {heading} <OriginNote pointer={below(below(pointer, index), title ?? '')} />
              </h4>
            )}
            <Pairs members={rest} around={item} pointer={below(pointer, index)} />
          </li>
        );
      })}
    </ul>
  );
}

function Value({ name, value, around, pointer }: { name: string; value: unknown; around: Record<string, unknown>; pointer: string }) {
  if (Array.isArray(value)) {
    const texts = value.filter((item): item is string => typeof item === 'string');
    return texts.length === value.length ? <Texts name={name} items={texts} /> : <Things items={value.filter(isObject)} pointer={pointer} />;
  }
  if (isObject(value)) return <Pairs members={value} around={value} pointer={pointer} />;
  return <Scalar name={name} value={value} around={around} />;
}

function Pairs({ members, around, pointer }: { members: Record<string, unknown>; around: Record<string, unknown>; pointer: string }) {
  const shown = Object.entries(members).filter(([name, value]) => value !== null && value !== undefined && !(name === 'currency' && 'amount_minor' in around));
  if (shown.length === 0) return null;
  return (
    <dl>
      {shown.map(([name, value]) => (
        <div key={name} className="manifest-pair">
          <dt>{labelOf(name)}</dt>
          <dd>
            <Value name={name} value={value} around={around} pointer={below(pointer, name)} /> <OriginNote pointer={below(pointer, name)} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** The sections that a content has, in the manifest's order, for the contents and the text. */
export function sectionsOf(content: ManifestContent): { name: SectionName; title: string; code: string }[] {
  return SECTIONS.filter((name) => content[name] !== undefined).map((name) => ({
    name,
    title: texts.sections[name],
    code: `A-${String(SECTIONS.indexOf(name) + 1).padStart(2, '0')}`,
  }));
}

/** The manifest as a text to be read and printed. */
export function ManifestText({ content, caption, origins }: { content: ManifestContent; caption: string; origins?: Origins | undefined }) {
  return (
    <OriginsShown value={origins}>
      <div className="sheet ticks">
        <Fig number={1}>{caption}</Fig>
        <div className="manifest-sections">
          {sectionsOf(content).map(({ name, title, code }) => {
            const value: unknown = content[name];
            return (
              <section key={name} className="manifest-section" aria-labelledby={`section-${name}`}>
                <p className="code">{code}</p>
                <div>
                  <h2 id={`section-${name}`} tabIndex={-1}>
                    {title}
                  </h2>
                  <div className="manifest-body">
                    <Value name={name} value={value} around={isObject(value) ? value : {}} pointer={below('', name)} />
                  </div>
                </div>
              </section>
            );
          })}
        </div>
      </div>
    </OriginsShown>
  );
}
