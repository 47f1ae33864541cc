// The shape of errors, the headers beside them, and requests that nobody should send.

import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { PASSWORD, device, newEmail, person, raw, rawRefused } from './rig.mjs'

const VERSION = 'x-supabase-api-version'
const wrong = { email: newEmail('nobody'), password: PASSWORD }
const ask = (headers) => raw('POST', '/token?grant_type=password', { body: wrong, headers })

describe('an error', { concurrency: 4 }, () => {
  it('has its code in words for clients that know them', async () => {
    for (const version of ['2024-01-01', '2024-06-01', '2031-12-31']) {
      const { status, body, headers } = await ask({ 'X-Supabase-Api-Version': version })
      assert.equal(status, 400)
      assert.deepEqual(body, { code: 'invalid_credentials', message: 'Invalid login credentials' })
      assert.equal(headers.get(VERSION), '2024-01-01')
    }
  })

  it('has the old shape for clients that do not', async () => {
    for (const version of ['', '2023-12-31', 'soon', '2024-13-45', '20240101']) {
      const { body, headers } = await ask({ 'X-Supabase-Api-Version': version })
      assert.deepEqual(body, { code: 400, error_code: 'invalid_credentials', msg: 'Invalid login credentials' }, version)
      assert.equal(headers.get(VERSION), null, version)
    }
  })

  it('names the weakness of a password in both shapes', async () => {
    for (const version of ['2024-01-01', '']) {
      const headers = { 'X-Supabase-Api-Version': version }
      const { body } = await raw('POST', '/signup', { body: { email: newEmail(), password: 'short' }, headers })
      assert.deepEqual(body.weak_password, { reasons: ['length'] })
    }
  })

  it('has its code in a header too, and is JSON that nobody keeps', async () => {
    for (const headers of [{}, { 'X-Supabase-Api-Version': '' }]) {
      const answer = await ask(headers)
      assert.equal(answer.headers.get('x-sb-error-code'), 'invalid_credentials')
      assert.match(answer.headers.get('content-type'), /^application\/json/)
      assert.equal(answer.headers.get('cache-control'), 'no-store')
    }
  })

  it('of every kind says its version and its code', async () => {
    for (const answer of [
      await raw('GET', '/user'),
      await raw('GET', '/user', { token: 'x' }),
      await raw('GET', '/nowhere'),
      await raw('DELETE', '/signup'),
      await raw('POST', '/signup', { body: '{' }),
      await raw('POST', '/verify', { body: {} }),
      await raw('POST', '/sso', { body: {} }),
      await raw('POST', '/token?grant_type=refresh_token', { body: { refresh_token: 'x' } }),
    ]) {
      assert.equal(answer.headers.get(VERSION), '2024-01-01', answer.text)
      assert.equal(answer.headers.get('x-sb-error-code'), answer.body.code)
      assert.deepEqual([typeof answer.body.code, typeof answer.body.message], ['string', 'string'])
      assert.ok(answer.body.message.length > 0)
    }
  })

  it('says nothing of the inside', async () => {
    for (const body of ['{', '[]', '{"email": 1}', '{"email": "a\\u0000@b.c", "password": "long enough"}']) {
      const { text } = await raw('POST', '/signup', { body })
      assert.doesNotMatch(text, /panic|postgres|diesel|sqlx|\.rs\b|backtrace|select |auth\.users/i)
    }
  })
})

describe('a body', { concurrency: 4 }, () => {
  for (const [what, body] of [
    ['that is empty', ''],
    ['that is cut off', '{"email": "a@b.c"'],
    ['that is a list', '[1, 2]'],
    ['that is a text', '"x"'],
    ['that is null', 'null'],
    ['of two documents', '{}{}'],
    ['of another encoding', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['that is nested a hundred thousand times', '['.repeat(100_000)],
    ['of a form', 'email=a%40b.c&password=long+enough'],
  ]) {
    it(`${what} is bad JSON wherever one is needed`, async () => {
      for (const path of ['/signup', '/token?grant_type=password', '/token?grant_type=refresh_token', '/recover', '/otp', '/verify', '/resend']) {
        rawRefused(await raw('POST', path, { body }), 400, 'bad_json')
      }
    })
  }

  it('of more than a megabyte is too large', async () => {
    const body = JSON.stringify({ email: newEmail(), password: PASSWORD, data: { x: 'x'.repeat(1_100_000) } })
    rawRefused(await raw('POST', '/signup', { body }), 413, 'request_entity_too_large')
  })

  it('may have nulls, and members that only others know', async () => {
    const nulls = { data: null, phone: null, code_challenge: null, code_challenge_method: null, channel: null }
    const more = { gotrue_meta_security: { captcha_token: null }, options: { redirectTo: 'x' }, something: [1] }
    assert.equal((await raw('POST', '/signup', { body: { email: newEmail(), password: PASSWORD, ...nulls, ...more } })).status, 200)
    rawRefused(await raw('POST', '/token?grant_type=password', { body: { ...wrong, ...nulls, ...more } }), 400, 'invalid_credentials')
  })

  it('with NUL characters is refused and nothing breaks', async () => {
    for (const [path, body] of [
      ['/signup', { email: 'a\0@b.c', password: PASSWORD }],
      ['/signup', { email: newEmail(), password: PASSWORD, data: { 'a\0': 1 } }],
      ['/signup', { email: newEmail(), password: PASSWORD, data: { a: ['\0'] } }],
      ['/token?grant_type=password', { email: 'a\0@b.c', password: PASSWORD }],
      ['/token?grant_type=refresh_token', { refresh_token: '\0' }],
      ['/verify', { type: 'email', email: 'a@b.c', token: '\0' }],
      ['/verify', { type: 'email', token_hash: '\0' }],
    ]) {
      const { status, body: answer } = await raw('POST', path, { body })
      assert.ok(status >= 400 && status < 500, `${path} ${status}`)
      assert.equal(typeof answer.code, 'string')
    }
  })
})

describe('a path', { concurrency: 4 }, () => {
  let token

  before(async () => {
    token = (await device((await person()).email)).session.access_token
  })

  it('that is none is answered in JSON', async () => {
    for (const path of ['/nowhere', '/user/', '/users', '/token/x', '/..%2fhealth']) {
      const answer = await raw('GET', path, { token })
      assert.deepEqual([answer.status, typeof answer.body?.code], [404, 'string'], path)
    }
  })

  it('does not take every method, and says which it takes', async () => {
    for (const [method, path, allowed] of [
      ['GET', '/signup', /POST/],
      ['PATCH', '/token', /POST/],
      ['DELETE', '/user', /GET.*PUT|PUT.*GET/],
      ['GET', '/logout', /POST/],
      // The documentation of Supabase says POST; its server and its clients use GET.
      ['POST', '/reauthenticate', /GET/],
    ]) {
      const answer = await raw(method, path, { token, body: ['GET', 'DELETE'].includes(method) ? undefined : {} })
      assert.deepEqual([answer.status, typeof answer.body?.code], [405, 'string'], `${method} ${path}`)
      assert.match(answer.headers.get('allow'), allowed)
    }
  })

  for (const [method, path, code] of [
    ['POST', '/sso', 'saml_provider_disabled'],
    ['GET', '/saml/metadata', 'saml_provider_disabled'],
    ['POST', '/oauth/token', 'feature_disabled'],
    ['GET', '/oauth/authorizations/x', 'feature_disabled'],
    ['POST', '/passkeys/authentication/options', 'passkey_disabled'],
    ['GET', '/scim/v2/Users', 'feature_disabled'],
    ['GET', '/user/identities/authorize?provider=github&skip_http_redirect=true', 'manual_linking_disabled'],
  ]) {
    it(`${path.split('?')[0]} tells by a code that it is switched off`, async () => {
      rawRefused(await raw(method, path, { token, body: method === 'POST' ? {} : undefined }), 404, code)
    })
  }

  it('of the provider itself is for everybody', async () => {
    const settings = await raw('GET', '/settings')
    const { external, disable_signup, mailer_autoconfirm, phone_autoconfirm, saml_enabled } = settings.body
    assert.deepEqual([external.email, external.phone, external.anonymous_users], [true, false, false])
    assert.deepEqual([disable_signup, mailer_autoconfirm, phone_autoconfirm, saml_enabled], [false, false, false, false])
    const health = await raw('GET', '/health')
    assert.deepEqual([health.status, Object.keys(health.body).sort()], [200, ['description', 'name', 'version']])
    const metadata = await raw('GET', '/.well-known/openid-configuration')
    assert.equal(metadata.body.jwks_uri, `${metadata.body.issuer}/.well-known/jwks.json`)
  })

  it('takes requests without a body that say they have JSON', async () => {
    const headers = { 'Content-Type': 'application/json;charset=UTF-8' }
    assert.equal((await raw('POST', '/logout?scope=others', { token, headers })).status, 204)
  })
})
