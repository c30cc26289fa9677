/* The moving port: plan, bind, publish, announce, open, follow, drain, tripwire, and everything that may break.
 *
 * Processes: two deciders (Celery's tick), the keeper and the writer (one server process, which may die between any two
 * steps), one client with an outbox and a cached file, and the world, which kills and takes ports. Rows and publications
 * outlive a crash; sockets, connections and what somebody was about to do do not. A step of a process is what is atomic
 * in the code: one conditional update, one transaction, one bind, one visit to the mirrors, one frame.
 *
 * Time is left out: what is due at some instant may happen at any moment once it can. What only time gives is taken for
 * granted: a client that is awake moves within the grace, a pass of the decider is shorter than a grace, and the keeper
 * hands the file to whoever has an older one before the grace is over.
 *
 * Faults are counted, so every run comes to rest, and at rest all must be well (the judge). What must hold always is
 * said by the guards at the end. A port is its row: the third lease has port 2. Sets of leases have one bit for each.
 * A file is the set of leases that it names, and a serial is not needed: whoever holds another set than the mirrors
 * holds an older one. Mistakes for the model to find are compiled in with -D<NAME>.
 */

#ifndef MOVES
#define MOVES 2
#endif
#ifndef DECIDERS
#define DECIDERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef CRASHES
#define CRASHES 1           /* SIGKILL of the server process */
#endif
#ifndef DECIDER_CRASHES
#define DECIDER_CRASHES 1   /* SIGKILL of a worker in the middle of a pass */
#endif
#ifndef TAKES
#define TAKES 1             /* ports that somebody else takes while we do not listen there */
#endif
#ifndef MIRROR_FAILURES
#define MIRROR_FAILURES 1
#endif
#ifndef SLEEPS
#define SLEEPS 1            /* naps of the client: its connection stays, it does nothing, a move passes it by */
#endif

/* Rows. A lease in none of the sets is closed, failed or not made yet. */
byte planned, bound, announced, open = 1, draining, tripwire;
byte made = 1, opened = 1;
byte published = 1;         /* the newest publication */

/* The mirrors, all as one: the file they gave back last, and every live lease that one of their files has named. */
byte mirror = 1, ever_mirrored = 1;

/* The server process: sockets that serve, sockets that are tripwires; the room's log is messages 0 .. logged - 1. */
bool up = true, settled = true, writer_gone;
byte serving = 1, wired;
byte logged;
byte handed;                /* a file that was handed to the sessions and not yet read */

/* The client, and its two possible connections. */
#define NOWHERE 15
byte at[2] = NOWHERE;
bool punctual[2];           /* made before its port began to drain, and awake ever since: no move may cut it */
chan sending[2] = [MESSAGES + 1] of { byte };
chan answering[2] = [MESSAGES + 1] of { byte };
byte answer_to = NOWHERE;
byte file = 1;
byte acknowledged;
bool asleep;

/* The world. */
bool at_peace;              /* no further fault will come */
byte taken, takes, crashes, decider_crashes, mirror_failures, sleeps;
byte publishing;            /* deciders between composing a file and the end of that pass */

#define BIT(l) (1 << (l))
#define HAS(set, l) (((set) >> (l)) & 1)
#define NEWEST(set) ((set) >= 16 -> 4 : ((set) >= 8 -> 3 : ((set) >= 4 -> 2 : ((set) >= 2 -> 1 : 0))))
#define BELOW(l) (BIT(l) - 1)
#define WITHOUT(set, gone) ((set) & (255 - (gone)))
#define COMING (planned | bound | announced | open)
#define LIVE (COMING | draining | tripwire)
#define CONNECTED(c) (at[c] != NOWHERE)
#define HELD (serving | wired)

#ifdef ANNOUNCE_BEFORE_BIND
#define ANNOUNCEABLE (planned | bound)
#else
#define ANNOUNCEABLE bound
#endif
#define LISTED (ANNOUNCEABLE | announced | open)

inline forget(c) {
    /* What was under way on a connection goes with it. */
    at[c] = NOWHERE; punctual[c] = false; handed = 0;
    do :: nempty(sending[c]) -> sending[c]?_ :: empty(sending[c]) -> break od;
    do :: nempty(answering[c]) -> answering[c]?_ :: empty(answering[c]) -> break od;
    if :: answer_to == c -> answer_to = NOWHERE :: else -> skip fi
}

inline cut(l) {
    /* The server ends the connections of a port whose grace is over. */
    if :: at[0] == l -> assert(!punctual[0]); forget(0) :: else -> skip fi;
    if :: at[1] == l -> assert(!punctual[1]); forget(1) :: else -> skip fi
}

inline tidy() {
    /* What nobody asks about a lease that is gone makes no two states of one. */
    ever_mirrored = ever_mirrored & LIVE; taken = taken & LIVE
}

/* ---------------------------------------------------------------- the decider: rows and mirrors, nothing else */

#define PLAN_DUE (COMING == 0 || (COMING == open && opened <= MOVES))
#define FILE_DUE (LISTED != 0 && (LISTED != published || mirror != published || ANNOUNCEABLE != 0))
#define ON(c, l) (at[c] == l && punctual[c])
#define GRACE_OVER(l) (HAS(draining, l) && publishing == 0 && !ON(0, l) && !ON(1, l))
#define MAY_DIE (me == 0 && !at_peace && decider_crashes < DECIDER_CRASHES)

inline arm(l) { draining = WITHOUT(draining, BIT(l)); tripwire = tripwire | BIT(l) }

proctype decider(bit me) {
    byte names, chosen;

    do
    /* Of two inserts the unique constraint lets one through. */
    :: atomic { PLAN_DUE -> planned = planned | BIT(made); made++ }

    :: atomic { FILE_DUE -> names = LISTED; publishing++ };
       if
       :: atomic { MAY_DIE -> decider_crashes++; publishing--; names = 0 }
       :: atomic { published = names };             /* kept when it says the same */
          if
          :: atomic { MAY_DIE -> decider_crashes++; publishing--; names = 0 }
#ifdef ANNOUNCE_UNPUBLISHED
          :: atomic {
                 announced = announced | (bound & names); bound = WITHOUT(bound, names); publishing--; names = 0 };
             atomic { mirror = published; ever_mirrored = ever_mirrored | published }
#else
          :: atomic { !at_peace && mirror_failures < MIRROR_FAILURES ->
                 mirror_failures++; publishing--; names = 0 }
          :: atomic {                               /* a publication that is not the newest any more is not carried */
                 if
                 :: names == published -> mirror = names; ever_mirrored = (ever_mirrored | names) & LIVE
                 :: else -> skip
                 fi };
             if
             :: atomic { MAY_DIE -> decider_crashes++; publishing--; names = 0 }
             :: atomic {                            /* read back: only what is there unchanged is safe */
                    if
                    :: mirror == names ->
                       announced = announced | (ANNOUNCEABLE & names);
                       bound = WITHOUT(bound, names); planned = WITHOUT(planned, announced)
                    :: else -> skip
                    fi;
                    publishing--; names = 0 }
             fi
#endif
          fi
       fi

    :: atomic { announced != 0 -> chosen = NEWEST(announced) };
       atomic {                                     /* one transaction; whoever comes second changes nothing */
           if
           :: HAS(announced, chosen) ->
              announced = WITHOUT(announced, BIT(chosen) | BELOW(chosen));
              bound = WITHOUT(bound, BELOW(chosen)); planned = WITHOUT(planned, BELOW(chosen));
#ifdef CLOSE_WITHOUT_DRAIN
              tripwire = tripwire | open;
#else
              draining = draining | open;
#endif
              open = BIT(chosen); opened++; tidy()
           :: else -> skip
           fi;
           chosen = 0 }

    :: atomic { GRACE_OVER(0) -> arm(0) }
    :: atomic { GRACE_OVER(1) -> arm(1) }
    :: atomic { GRACE_OVER(2) -> arm(2) }
    :: atomic { GRACE_OVER(3) -> arm(3) }

    :: atomic { tripwire != 0 -> tripwire = WITHOUT(tripwire, BIT(NEWEST(tripwire))); tidy() }
    od
}

/* ---------------------------------------------------------------- the server process: keeper and writer */

#define TELL_DUE (mirror != file && mirror != handed && (CONNECTED(0) || CONNECTED(1)))
#define KEEPING_DUE (!settled || LIVE != (HELD | assumed) || (tripwire & serving) != 0 || TELL_DUE)
#define SURPLUS WITHOUT(HELD, live_s)
#define OVER (serving & tripwire_s)
#define MISSING WITHOUT(live_s, HELD | assumed)

inline forget_rows() {
    live_s = 0; planned_s = 0; bound_s = 0; announced_s = 0; open_s = 0; draining_s = 0; tripwire_s = 0;
    refused = false; l = 0
}

inline note_failed(l) {
    /* By conditional update: a row that is not any more what this pass has read stays, for the next pass. */
    if
    :: HAS(planned & planned_s, l) -> planned = WITHOUT(planned, BIT(l))
    :: HAS(bound & bound_s, l) -> bound = WITHOUT(bound, BIT(l))
    :: HAS(announced & announced_s, l) -> announced = WITHOUT(announced, BIT(l))
    :: HAS(open & open_s, l) -> open = WITHOUT(open, BIT(l))
    :: HAS(draining & draining_s, l) -> draining = WITHOUT(draining, BIT(l))
    :: HAS(tripwire & tripwire_s, l) -> tripwire = WITHOUT(tripwire, BIT(l))
    :: else -> refused = true
    fi;
    live_s = WITHOUT(live_s, BIT(l)); tidy()
}

inline keep_one_pass() {
    atomic { KEEPING_DUE ->
        live_s = LIVE; planned_s = planned; bound_s = bound; announced_s = announced; open_s = open;
        draining_s = draining; tripwire_s = tripwire; assumed = assumed & LIVE };
    do
    :: atomic { SURPLUS != 0 ->                         /* no row asks for it any more */
           l = NEWEST(SURPLUS);
           serving = WITHOUT(serving, BIT(l)); wired = WITHOUT(wired, BIT(l)); cut(l); l = 0 }
    :: atomic { OVER != 0 ->                            /* grace is over: from here on it only says rediscover */
           l = NEWEST(OVER);
           serving = WITHOUT(serving, BIT(l)); wired = wired | BIT(l); cut(l); l = 0 }
    :: atomic { MISSING != 0 && HAS(taken, NEWEST(MISSING)) ->
           l = NEWEST(MISSING); note_failed(l); l = 0 }
    :: atomic { MISSING != 0 && !HAS(taken, NEWEST(MISSING)) ->
           l = NEWEST(MISSING);
           if
           :: HAS(tripwire_s, l) -> wired = wired | BIT(l)
           :: else -> serving = serving | BIT(l)
           fi };
       atomic {                                         /* bound first, and the row afterwards */
           if
           :: HAS(planned & planned_s, l) -> planned = WITHOUT(planned, BIT(l)); bound = bound | BIT(l)
           :: else -> skip
           fi;
           l = 0 }
    :: atomic { SURPLUS == 0 && OVER == 0 && MISSING == 0 ->
           if :: TELL_DUE -> handed = mirror :: else -> skip fi;
           settled = settled || !refused; forget_rows(); break }
    od
}

proctype keeper() {
    byte live_s, planned_s, bound_s, announced_s, open_s, draining_s, tripwire_s;      /* rows as this pass read them */
    byte l, assumed;
    bool refused;

    do
    :: { do :: keep_one_pass() od }
       unless
       { atomic { !up -> forget_rows() };
         atomic { writer_gone ->
#ifdef NO_REBIND
             assumed = LIVE; settled = true;
#endif
             writer_gone = false; up = true } }
    od
}

inline store() {
    atomic {
        if
        :: m == logged -> logged++
        :: m < logged ->                                /* the same id again: the row is there */
#ifdef NO_UNIQUE_ID
           assert(false)
#else
           skip
#endif
        :: else -> assert(false)                        /* lost, or out of order */
        fi }
}

inline answer() {
    atomic {
        if
        :: answer_to != NOWHERE -> answering[answer_to]!m
        :: else -> skip
        fi }
}

inline write() {
#ifdef ACKNOWLEDGE_BEFORE_COMMIT
    answer(); store();
#else
    store(); answer();
#endif
    answer_to = NOWHERE; m = 0
}

proctype writer() {
    byte m;

    do
    :: { do
         :: atomic { nempty(sending[0]) -> sending[0]?m; answer_to = 0 }; write()
         :: atomic { nempty(sending[1]) -> sending[1]?m; answer_to = 1 }; write()
         od }
       unless
       { atomic { !up && !writer_gone -> m = 0; writer_gone = true }; up }
    od
}

/* ---------------------------------------------------------------- the client */

#define CAN_REACH (file & serving)
#define CUT_OFF (!CONNECTED(0) && !CONNECTED(1))

inline dial(c, l) { at[c] = l; punctual[c] = HAS(COMING, l) }

inline hear(c) {
    answering[c]?a; assert(a <= acknowledged);
    if :: a == acknowledged -> acknowledged++ :: else -> skip fi;
    a = 0
}

proctype client() {
    bit use;
    byte next, a;

    do
    :: atomic { !asleep && CONNECTED(use) && !CONNECTED(1 - use) && next < MESSAGES -> sending[use]!next; next++ }
    :: atomic { !asleep && nempty(answering[0]) -> hear(0) }
    :: atomic { !asleep && nempty(answering[1]) -> hear(1) }

    /* The newest file: handed over on a connection, or fetched when there is none. */
    :: atomic { !asleep && handed != 0 -> file = handed; handed = 0 }
    :: atomic { !asleep && CUT_OFF && mirror != file -> file = mirror }

    /* Nothing left: any port of the file that answers. What was not acknowledged goes out again, in order. */
    :: atomic { !asleep && CUT_OFF && CAN_REACH != 0 ->
           if
           :: HAS(CAN_REACH, 0) -> dial(use, 0)
           :: HAS(CAN_REACH, 1) -> dial(use, 1)
           :: HAS(CAN_REACH, 2) -> dial(use, 2)
           :: HAS(CAN_REACH, 3) -> dial(use, 3)
           fi;
#ifndef FORGET_UNANSWERED
           next = acknowledged
#endif
       }

    /* Make before break: the second connection, quiet on the first, switch, close the first. */
    :: atomic { !asleep && CONNECTED(use) && !CONNECTED(1 - use) && NEWEST(file) != at[use] && HAS(serving, NEWEST(file)) ->
           dial(1 - use, NEWEST(file)) }
    :: atomic { !asleep && CONNECTED(use) && CONNECTED(1 - use) && next == acknowledged -> forget(use); use = 1 - use }
    :: atomic { !asleep && !CONNECTED(use) && CONNECTED(1 - use) -> use = 1 - use; next = acknowledged }

    :: atomic { !at_peace && !asleep && sleeps < SLEEPS ->
           sleeps++; asleep = true; punctual[0] = false; punctual[1] = false }
    :: atomic { asleep -> asleep = false }
    od
}

/* ---------------------------------------------------------------- the world, the judge and the guards */

#define CAN_TAKE(l) (takes < TAKES && !HAS(HELD | taken, l) && HAS(LIVE, l))

inline take(l) { takes++; taken = taken | BIT(l) }

proctype world() {
    do
    :: atomic { crashes < CRASHES && up ->
           crashes++; up = false; settled = false; serving = 0; wired = 0; forget(0); forget(1) }
    :: atomic { CAN_TAKE(0) -> take(0) }
    :: atomic { CAN_TAKE(1) -> take(1) }
    :: atomic { CAN_TAKE(2) -> take(2) }
    :: atomic { CAN_TAKE(3) -> take(3) }
    :: atomic { at_peace = true; takes = 0; crashes = 0; decider_crashes = 0; mirror_failures = 0; sleeps = 0; break }
    od
}

/* Nobody has anything left to do. Whoever waits for ever waits here, so this is the check for deadlocks too. */
proctype judge() {
    timeout;
    assert(acknowledged == MESSAGES && logged == MESSAGES);
    assert(opened > MOVES && open == BIT(NEWEST(open)) && LIVE == open);
    assert(up && settled && serving == open && wired == 0);
    assert(mirror == open && published == open && file == open);
    assert((at[0] == NEWEST(open) || at[1] == NEWEST(open)) && !(CONNECTED(0) && CONNECTED(1)))
}

/* Never an announced port without a socket; after a crash, from the first pass of the keeper on that leaves nothing. */
proctype guard_sockets() {
    atomic { settled && WITHOUT(announced | open | draining, serving) != 0 -> assert(false) }
}

/* Never an announced port that nobody could have read of. */
proctype guard_mirrors() {
    atomic { WITHOUT(announced | open | draining, ever_mirrored) != 0 -> assert(false) }
}

/* Never an acknowledgement of what is not stored. */
proctype guard_log() {
    atomic { acknowledged > logged -> assert(false) }
}

init {
    atomic {
        dial(0, 0);
        run keeper(); run writer(); run client(); run world(); run judge();
        run guard_sockets(); run guard_mirrors(); run guard_log();
        run decider(0); if :: DECIDERS > 1 -> run decider(1) :: else -> skip fi
    }
}
