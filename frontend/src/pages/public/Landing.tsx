import { useEffect } from 'react';
import { LinkButton } from '@/components/Button';
import { Fig } from '@/components/Sheet';
import { Page } from '@/components/Page';
import { publicTexts } from '@/texts/public';
import { FloorPlan } from './FloorPlan';

const texts = publicTexts.landing;

export default function Landing() {
  // The page of its own name needs no suffix.
  useEffect(() => {
    document.title = 'Groundwork';
  });
  return (
    <>
      <div className="hero">
        <Page title={texts.title} lead={<p>{texts.lead}</p>}>
          <div className="row">
            <LinkButton kind="primary" to="/signup">
              {texts.start}
            </LinkButton>
            <LinkButton kind="quiet" to="/pricing">
              {texts.prices}
            </LinkButton>
          </div>
        </Page>
        <figure className="sheet ticks stack">
          <FloorPlan />
          <figcaption>
            <Fig number={1}>{texts.planCaption}</Fig>
          </figcaption>
        </figure>
      </div>
      <section className="section" aria-labelledby="how">
        <div className="section-head">
          <Fig number={2}>{texts.howTitle}</Fig>
          <h2 id="how">{texts.howTitle}</h2>
        </div>
        <ol className="numbered">
          {texts.how.map(({ title, text }) => (
            <li key={title}>
              <h3>{title}</h3>
              <p className="secondary">{text}</p>
            </li>
          ))}
        </ol>
      </section>
      <section className="section" aria-labelledby="why">
        <div className="section-head">
          <Fig number={3}>{texts.whyTitle}</Fig>
          <h2 id="why">{texts.whyTitle}</h2>
        </div>
        <ul className="why">
          {texts.why.map(({ title, text }) => (
            <li key={title}>
              <h3>{title}</h3>
              <p className="secondary">{text}</p>
            </li>
          ))}
        </ul>
      </section>
      <section className="section closing" aria-labelledby="closing">
        <h2 id="closing">{texts.closingTitle}</h2>
        <LinkButton to="/signup">{texts.start}</LinkButton>
      </section>
    </>
  );
}
