import { NavLink, Outlet } from 'react-router';
import { useSession } from '@/session/use-session';
import { common } from '@/texts/common';
import { publicTexts } from '@/texts/public';
import { LinkButton } from './Button';
import { Mark } from './Mark';
import { Fig } from './Sheet';

export function Brand() {
  return (
    <NavLink to="/" className="brand" end>
      <Mark />
      {common.product}
    </NavLink>
  );
}

/** The frame of the pages that anybody may see. */
export function PublicShell() {
  const signedIn = useSession((state) => state.status === 'signed_in');
  const { titleBlock } = publicTexts;
  return (
    <>
      <a className="skip" href="#content">
        {common.skip}
      </a>
      <header className="topbar">
        <div className="wide topbar-inner">
          <Brand />
          <nav aria-label={common.product}>
            <NavLink to="/pricing" className="nav-link">
              {common.pricing}
            </NavLink>
            {signedIn ? (
              <LinkButton to="/dashboard">{common.openApp}</LinkButton>
            ) : (
              <NavLink to="/signin" className="nav-link">
                {common.signIn}
              </NavLink>
            )}
          </nav>
        </div>
      </header>
      <main className="main" id="content">
        <div className="wide">
          <Outlet />
        </div>
      </main>
      <footer className="title-block">
        <div className="wide title-block-inner">
          <div>
            <Fig plain>{titleBlock.project}</Fig>
            <p>{common.product}</p>
            <p className="muted small">{titleBlock.about}</p>
          </div>
          <div>
            <Fig plain>{titleBlock.scale}</Fig>
            <p className="small">{titleBlock.scaleText}</p>
          </div>
          <nav aria-label={titleBlock.links}>
            <Fig plain>{titleBlock.links}</Fig>
            <ul className="small">
              <li>
                <NavLink to="/pricing">{common.pricing}</NavLink>
              </li>
              <li>
                <NavLink to="/support">{common.support}</NavLink>
              </li>
            </ul>
          </nav>
          <div>
            <Fig plain>{titleBlock.sheet}</Fig>
            <ul className="small">
              <li>
                <NavLink to="/status">{common.status}</NavLink>
              </li>
              <li>
                <a href="/api/docs">{common.apiDocuments}</a>
              </li>
            </ul>
          </div>
        </div>
      </footer>
    </>
  );
}
