//! A RabbitMQ vhost per test.

use uuid::Uuid;

use crate::environment::required;

/// A fresh vhost. It is deleted with the value.
#[derive(Debug)]
pub struct Vhost {
    name: String,
    amqp: url::Url,
    /// Absent for the vhost of a private broker, which ends with its broker.
    management: Option<url::Url>,
}

impl Vhost {
    /// Makes a vhost with full permissions for the stack's administrator.
    ///
    /// # Panics
    /// When the broker's management interface does not answer.
    pub async fn create() -> Self {
        let management = url::Url::parse(&required("RABBITMQ_MANAGEMENT_URL")).unwrap();
        let name = format!("test-{}", Uuid::now_v7().simple());
        let mut amqp = url::Url::parse(&required("AMQP_ADMIN_URL")).unwrap();
        amqp.set_path(&name);
        let vhost = Self { name, amqp, management: Some(management) };
        vhost.make().await;
        vhost
    }

    pub(crate) fn without_management(name: &str, amqp: &str) -> Self {
        Self { name: name.to_owned(), amqp: url::Url::parse(amqp).unwrap(), management: None }
    }

    /// Deletes it with every queue and message and makes it anew: a broker that lost its disk.
    ///
    /// # Panics
    /// When the broker's management interface does not answer.
    pub async fn lose_everything(&self) {
        self.request(reqwest::Method::DELETE, &format!("api/vhosts/{}", self.name), None).await;
        self.make().await;
    }

    async fn make(&self) {
        self.request(reqwest::Method::PUT, &format!("api/vhosts/{}", self.name), None).await;
        let everything = serde_json::json!({"configure": ".*", "write": ".*", "read": ".*"});
        let path = format!("api/permissions/{}/{}", self.name, self.management().username());
        self.request(reqwest::Method::PUT, &path, Some(everything)).await;
    }

    /// AMQP URL of the vhost.
    pub fn url(&self) -> String {
        self.amqp.to_string()
    }

    /// The vhost's name, for the management interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks the management interface: `path` begins with `api/`.
    ///
    /// # Panics
    /// When it answers with an error, or there is none.
    pub async fn request(&self, method: reqwest::Method, path: &str, body: Option<serde_json::Value>) -> serde_json::Value {
        call(self.management(), method, path, body).await
    }

    /// Messages ready in a queue.
    pub async fn ready(&self, queue: &str) -> u64 {
        let answer = self.request(reqwest::Method::GET, &format!("api/queues/{}/{queue}", self.name), None).await;
        answer.get("messages_ready").and_then(serde_json::Value::as_u64).unwrap_or(0)
    }

    /// Closes every connection to this vhost from the broker's side and returns how many there were.
    pub async fn close_all_connections(&self) -> usize {
        let path = format!("api/vhosts/{}/connections", self.name);
        let connections = self.request(reqwest::Method::GET, &path, None).await;
        let names: Vec<String> = connections
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|connection| connection.get("name")?.as_str().map(str::to_owned))
            .collect();
        for name in &names {
            let mut url = self.management().clone();
            url.path_segments_mut().unwrap().clear().extend(["api", "connections", name]);
            let answer = client().delete(url).send().await.unwrap();
            assert!(answer.status().is_success() || answer.status() == 404, "closing {name}: {}", answer.status());
        }
        names.len()
    }

    fn management(&self) -> &url::Url {
        self.management.as_ref().expect("a private broker has no management interface")
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let Some(management) = self.management.clone() else { return };
        let path = format!("api/vhosts/{}", self.name);
        let deleted = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(call(&management, reqwest::Method::DELETE, &path, None));
        });
        drop(deleted.join());
    }
}

fn client() -> reqwest::Client {
    service_kit::http_client(std::time::Duration::from_secs(20)).unwrap()
}

async fn call(management: &url::Url, method: reqwest::Method, path: &str, body: Option<serde_json::Value>) -> serde_json::Value {
    let request = client().request(method, management.join(path).unwrap());
    let request = match body {
        Some(body) => request.json(&body),
        None => request.header("content-type", "application/json"),
    };
    let answer = request.send().await.unwrap_or_else(|error| panic!("the test stack's RabbitMQ management interface: {error}"));
    assert!(answer.status().is_success(), "{path}: {} {:?}", answer.status(), answer.text().await);
    answer.json().await.unwrap_or(serde_json::Value::Null)
}
