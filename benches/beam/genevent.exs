# Elixir's GenEvent, for W9: N callbacks or N streams, and sync_notify.
#
#     elixir benches/beam/genevent.exs handlers 8 200
#     elixir benches/beam/genevent.exs streams 8 200
#
# warms up, measures for about so many milliseconds, checks that every callback saw every event
# once and in order, and prints one line of JSON: events per second, p50 and p99 in nanoseconds.
#
# GenEvent is deprecated, and still there. It is called by `apply` so that no warning is printed.

defmodule Count do
  def init(_), do: {:ok, 0}

  # Only the number that comes next is taken.
  def handle_event(number, number), do: {:ok, number + 1}

  def handle_call(:count, seen), do: {:ok, seen, seen}
  def handle_info(_, seen), do: {:ok, seen}
  def code_change(_, seen, _), do: {:ok, seen}
  def terminate(_, _), do: :ok
end

defmodule Bench do
  @manager GenEvent
  # As in the bench beside it: every so manyth is timed by itself.
  @timed 7

  def handlers(manager, n) do
    for i <- 1..n, do: :ok = apply(@manager, :add_handler, [manager, {Count, i}, []])

    fn sent ->
      for i <- 1..n do
        ^sent = apply(@manager, :call, [manager, {Count, i}, :count])
      end
    end
  end

  def streams(manager, n) do
    parent = self()

    for _ <- 1..n do
      spawn_link(fn ->
        stream = apply(@manager, :stream, [manager])

        seen =
          Enum.reduce_while(stream, 0, fn
            :stop, seen -> {:halt, seen}
            # Only the number that comes next is taken.
            number, number -> {:cont, number + 1}
          end)

        send(parent, {:seen, seen})
      end)
    end

    # A stream subscribes when it is first asked.
    await_streams(manager, n)

    fn sent ->
      apply(@manager, :notify, [manager, :stop])

      for _ <- 1..n do
        receive do
          {:seen, ^sent} -> :ok
        end
      end
    end
  end

  defp await_streams(manager, n) do
    if length(apply(@manager, :which_handlers, [manager])) < n do
      Process.sleep(1)
      await_streams(manager, n)
    end
  end

  def run(mode, n, millis) do
    {:ok, manager} = apply(@manager, :start_link, [])
    check = apply(__MODULE__, mode, [manager, n])
    now = System.monotonic_time(:nanosecond)
    {warm, _} = send_until(manager, 0, now + div(millis * 1_000_000, 2), [])
    began = System.monotonic_time(:nanosecond)
    {sent, latencies} = send_until(manager, warm, began + millis * 1_000_000, [])
    elapsed = System.monotonic_time(:nanosecond) - began
    check.(sent)

    sorted = latencies |> Enum.sort() |> List.to_tuple()
    at = fn q -> elem(sorted, trunc(q * (tuple_size(sorted) - 1))) end
    rate = (sent - warm) * 1.0e9 / elapsed
    IO.puts(~s({"figure":#{rate},"p50":#{at.(0.5)}.0,"p99":#{at.(0.99)}.0}))
  end

  # Looks at the clock when it times an event anyway.
  defp send_until(manager, number, until, latencies) do
    before = System.monotonic_time(:nanosecond)
    :ok = apply(@manager, :sync_notify, [manager, number])
    now = System.monotonic_time(:nanosecond)
    number = send_some(manager, number + 1, @timed - 1)

    if now < until do
      send_until(manager, number, until, [now - before | latencies])
    else
      {number, [now - before | latencies]}
    end
  end

  defp send_some(_, number, 0), do: number

  defp send_some(manager, number, left) do
    :ok = apply(@manager, :sync_notify, [manager, number])
    send_some(manager, number + 1, left - 1)
  end
end

[mode, n, millis] = System.argv()

mode =
  case mode do
    "handlers" -> :handlers
    "streams" -> :streams
  end

Bench.run(mode, String.to_integer(n), String.to_integer(millis))
