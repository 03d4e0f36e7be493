// One worker per core; PM2 forks them and replaces those that die. The shop itself does not change.
module.exports = {
  apps: [{
    name: "shop",
    script: "../node/server.js",
    instances: "max",
    exec_mode: "cluster",
  }],
};
