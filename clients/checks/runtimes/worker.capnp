using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    # The service of the test is on this machine.
    (name = "internet", network = (allow = ["public", "private"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);

const worker :Workerd.Worker = (
  compatibilityDate = "2026-01-01",
  modules = [
    (name = "checks/runtimes/worker.js", esModule = embed "worker.js"),
    (name = "checks/runtimes/scenario.js", esModule = embed "scenario.js"),
    (name = "typescript/dist/index.js", esModule = embed "../../typescript/dist/index.js")
  ]
);
