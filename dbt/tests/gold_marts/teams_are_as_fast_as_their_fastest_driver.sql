-- A team's fastest lap is that of the driver who leads it on the leaderboard.
select teams.session_key, teams.team_name, teams.fastest_lap, board.fastest_lap_time
from {{ ref("team_performance") }} as teams
full join
    (select * from {{ ref("session_leaderboard") }} where is_fastest_in_team) as board
    on teams.session_key = board.session_key
    and teams.team_name = board.team_name
where teams.fastest_lap is distinct from board.fastest_lap_time
