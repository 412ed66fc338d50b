# libphub/hub/hub.mk: hub, command, keeper, request, redistribution, config.
# SPDX-License-Identifier: MIT
libphub_core_la_SOURCES += libphub/hub/error.c

# conf: phub.conf and phubd's flags, from one table.
libphub_core_la_SOURCES += \
	libphub/hub/confirm.c libphub/hub/confirm.h \
	libphub/hub/conf.c libphub/hub/conf.h libphub/hub/conf_args.c \
	libphub/hub/conf_hooks.c \
	libphub/hub/conf_private.h libphub/hub/conf_table.c \
	libphub/hub/conf_value.c libphub/hub/conf_whole.c
dist_phubsysconf_DATA += phub.conf.example
dist_pkgdata_DATA += defaults.conf

# The coordinator.
pkginclude_HEADERS += libphub/phub/phub.h libphub/phub/control.h
libphub_core_la_SOURCES += \
	libphub/hub/hub.c libphub/hub/hub.h \
	libphub/hub/addresses.c libphub/hub/addresses.h \
	libphub/hub/alter.c libphub/hub/alter.h \
	libphub/hub/arrival.c libphub/hub/cause.c libphub/hub/cause.h \
	libphub/hub/command.c libphub/hub/command.h \
	libphub/hub/drain.c libphub/hub/drain.h libphub/hub/edit.c \
	libphub/hub/handover.c libphub/hub/handover.h \
	libphub/hub/hook.c libphub/hub/hook.h \
	libphub/hub/hook_command.c libphub/hub/hook_command.h \
	libphub/hub/hook_json.c \
	libphub/hub/host.c libphub/hub/forget.h libphub/hub/host.h \
	libphub/hub/host_private.h libphub/hub/host_cells.c libphub/hub/host_peers.c \
	libphub/hub/host_hooks.c libphub/hub/host_life.c \
	libphub/hub/host_load.c \
	libphub/hub/host_plan.c libphub/hub/host_rows.c \
	libphub/hub/host_request.c libphub/hub/host_state.c \
	libphub/hub/host_streams.c \
	libphub/hub/host_store.c \
	libphub/hub/host_work.c \
	libphub/hub/keeper.c libphub/hub/keeper.h libphub/hub/keeper_may.c \
	libphub/hub/keeper_stop.c \
	libphub/hub/lease.c libphub/hub/local.c libphub/hub/local.h \
	libphub/hub/message.c libphub/hub/message.h \
	libphub/hub/move.c libphub/hub/move.h libphub/hub/move_private.h \
	libphub/hub/op.c libphub/hub/ops.h \
	libphub/hub/options.c libphub/hub/options.h \
	libphub/hub/order.c libphub/hub/order.h \
	libphub/hub/held.c \
	libphub/hub/deliver.c libphub/hub/deliver.h \
	libphub/hub/peer.c libphub/hub/peer.h libphub/hub/presend.c \
	libphub/hub/stop.c libphub/hub/stranger.c libphub/hub/stranger.h \
	libphub/hub/reconcile.c libphub/hub/sweep.c \
	libphub/hub/redistribute.c libphub/hub/redistribute.h \
	libphub/hub/place.c libphub/hub/place.h \
	libphub/hub/replica.c libphub/hub/replica.h \
	libphub/hub/report.c libphub/hub/report.h \
	libphub/hub/request_option.c \
	libphub/hub/request_wrong.c \
	libphub/hub/request.c libphub/hub/request.h \
	libphub/hub/rows.c libphub/hub/rows.h \
	libphub/hub/serve_watch.c \
	libphub/hub/serve.c libphub/hub/serve.h \
	libphub/hub/serve_dump.c libphub/hub/forget.c \
	libphub/hub/serve_lists.c libphub/hub/serve_node.c \
	libphub/hub/serve_strategy.c \
	libphub/hub/state.c \
	libphub/hub/strategies.c libphub/hub/strategies.h \
	libphub/hub/strategies_file.c libphub/hub/strategies_keeper.c \
	libphub/hub/store.c libphub/hub/store.h \
	libphub/hub/settle.c \
	libphub/hub/departed.c libphub/hub/departed.h \
	libphub/hub/linger.c libphub/hub/linger.h \
	libphub/hub/undo.c libphub/hub/undo.h \
	libphub/hub/by_node.h libphub/hub/gather.c libphub/hub/gather.h \
	libphub/hub/synced_heard.c libphub/hub/synced_lost.c \
	libphub/hub/synced_whole.c libphub/hub/synced_private.h \
	libphub/hub/synced.c libphub/hub/synced.h \
	libphub/hub/subscribe.c libphub/hub/subscribe.h \
	libphub/hub/tagged.c libphub/hub/tagged.h \
	libphub/hub/tally.c libphub/hub/tally.h \
	libphub/hub/watch.c libphub/hub/watch.h \
	libphub/hub/words.c

# One node in the real world, and phubd.
pkginclude_HEADERS += libphub/phub/daemon.h
libphub_core_la_SOURCES += libphub/hub/crash.c libphub/hub/crash.h \
	libphub/hub/daemon.c \
	libphub/hub/node.c libphub/hub/node.h

# A hub inside a program.
libphub_core_la_SOURCES += \
	libphub/hub/embed.c libphub/hub/embed.h libphub/hub/embed_conf.c \
	libphub/hub/future.c libphub/hub/lookup.c libphub/hub/listing.c \
	libphub/hub/talk.c
