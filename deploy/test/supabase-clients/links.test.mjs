// Links in mails, followed as a browser follows them, and where they lead.

import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { APP, PASSWORD, client, device, done, letter, newEmail, raw, refused, waiting } from './rig.mjs'

const lead = async (query, headers) => {
  const answer = await raw('GET', `/verify?${new URLSearchParams(query)}`, { headers })
  assert.equal(answer.status, 303, answer.text)
  const place = new URL(answer.headers.get('location'))
  return { place, answer, fragment: new URLSearchParams(place.hash.slice(1)) }
}

const ELSEWHERE = [
  'https://evil.example/',
  'http://app.example.test.evil.example/',
  'http://app.example.test@evil.example/',
  'http://user:password@app.example.test/',
  'https://app.example.test/',
  'http://app.example.test:8081/',
  '//evil.example/',
  'javascript:alert(1)',
  'data:text/html,x',
  'http://evil.example\\@app.example.test/',
  'http://2130706433/',
]

describe('a link', () => {
  let who
  let mail

  before(async () => {
    who = await waiting({ options: { emailRedirectTo: `${APP}/welcome?step=1#here` } })
    mail = await letter(who.email, 'signup')
  })

  it('names the place that the client asked for', () => {
    assert.ok(mail.redirect_to.startsWith(`${APP}/welcome?step=1`), mail.redirect_to)
  })

  it('may be looked at by whatever reads mail before people do', async () => {
    const answer = await raw('HEAD', `/verify?token=${mail.token_hash}&type=signup`)
    assert.deepEqual([answer.status, answer.headers.get('location')], [200, null])
    refused(await client().signInWithPassword({ email: who.email, password: PASSWORD }), 400, 'email_not_confirmed')
  })

  it('is not good for another type', async () => {
    for (const type of ['recovery', 'magiclink', 'email_change', 'friendship', '']) {
      const { fragment } = await lead({ token: mail.token_hash, type })
      assert.deepEqual([fragment.get('error'), fragment.get('access_token')], ['access_denied', null], type)
    }
  })

  it('leads to the place with the session behind the hash, where no server sees it', async () => {
    const { place, fragment, answer } = await lead({ token: mail.token_hash, type: 'signup', redirect_to: `${APP}/welcome?step=1` })
    assert.equal(`${place.origin}${place.pathname}${place.search}`, `${APP}/welcome?step=1`)
    assert.deepEqual([fragment.get('token_type'), fragment.get('type'), fragment.get('expires_in')], ['bearer', 'signup', '3600'])
    assert.ok(Number(fragment.get('expires_at')) > Date.now() / 1000)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const auth = client()
    const session = { access_token: fragment.get('access_token'), refresh_token: fragment.get('refresh_token') }
    assert.equal(done(await auth.setSession(session)).user.email, who.email)
    done(await auth.refreshSession())
    await device(who.email)
  })

  it('followed once more leads back with an error', async () => {
    const { place, fragment } = await lead({ token: mail.token_hash, type: 'signup', redirect_to: `${APP}/welcome` })
    assert.equal(place.origin, APP)
    assert.equal(place.search, '')
    assert.deepEqual([fragment.get('error'), fragment.get('error_code')], ['access_denied', 'otp_expired'])
    assert.equal(fragment.get('error_description'), 'Email link is invalid or has expired')
    assert.equal(fragment.get('access_token'), null)
  })

  it('that nobody sent leads back with an error too, in the query as well when a client waits', async () => {
    const { place, fragment } = await lead({ token: 'pkce_made-up', type: 'magiclink', redirect_to: `${APP}/in?flow=1` })
    assert.deepEqual([place.searchParams.get('flow'), place.searchParams.get('error_code')], ['1', 'otp_expired'])
    assert.equal(fragment.get('error_code'), 'otp_expired')
    assert.equal(place.searchParams.get('code'), null)
    for (const query of [{}, { token: '' }, { type: 'signup' }, { token: 'x'.repeat(2000), type: 'signup' }]) {
      assert.equal((await lead(query)).fragment.get('error_code'), 'otp_expired')
    }
  })

  for (const elsewhere of ELSEWHERE) {
    it(`does not lead to ${elsewhere}`, async () => {
      const { place } = await lead({ token: 'made-up', type: 'signup', redirect_to: elsewhere })
      const { place: home } = await lead({ token: 'made-up', type: 'signup' })
      assert.equal(place.href, home.href)
    })
  }
})

describe('the place in a mail', { concurrency: 4 }, () => {
  it('is our own site when the client asks for one that is not allowed', async () => {
    const [email, plain] = [newEmail(), newEmail()]
    done(await client().signInWithOtp({ email, options: { emailRedirectTo: ELSEWHERE[1] } }))
    done(await client().signInWithOtp({ email: plain }))
    assert.equal((await letter(email, 'magiclink')).redirect_to, (await letter(plain, 'magiclink')).redirect_to)
  })

  it('may be asked for by a header, and is else the page that the request came from', async () => {
    const [byHeader, byReferer] = [newEmail(), newEmail()]
    await raw('POST', '/otp', { body: { email: byHeader }, headers: { redirect_to: `${APP}/header` } })
    await raw('POST', '/otp', { body: { email: byReferer }, headers: { Referer: `${APP}/page` } })
    assert.equal((await letter(byHeader, 'magiclink')).redirect_to, `${APP}/header`)
    assert.equal((await letter(byReferer, 'magiclink')).redirect_to, `${APP}/page`)
  })
})
